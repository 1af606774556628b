# Asks a running server who one is with Mistral's own client: python <file> <url> <key>. Prints what it read as JSON.
import json
import sys

from mistralai.client import Mistral

url, key = sys.argv[1:]
header = {"dashboard_user_context_auth": key}  # sent as x-api-key
bearer = {"bearer_user_context_auth": key}
with Mistral(server_url=url) as client:
    users = client.beta.users
    me = users.get_identity(security=header)
    who = users.whoami(security=bearer)
    organizations = users.list_organizations(security=bearer)
    workspaces = users.list_workspaces(security=header)
    print(
        json.dumps(
            {
                "id": me.id,
                "email": me.email,
                "first_name": me.first_name,
                "api_key": me.api_key.name,
                "workspace": me.workspace.name,
                "principal": who.principal.principal_type,
                "organization": who.organization.name,
                "organizations": [one.name for one in organizations.result.organizations],
                "workspaces": [one.id for one in workspaces.result.workspaces],
            }
        )
    )
