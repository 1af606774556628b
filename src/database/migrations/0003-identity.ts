// Migration 3: the organisation, its workspaces, people, service accounts, sessions and invitations; keys that belong to them.

import { type Kysely, sql } from 'kysely'

/** Creates the tables, the organisation and the workspace `default`, and gives keys a role in place of a scope. */
export async function up(database: Kysely<never>): Promise<void> {
  await createPlaces(database)
  await createPeople(database)
  await createDoors(database)
  await widenKeys(database)
}

async function createPlaces({ schema }: Kysely<never>): Promise<void> {
  await schema
    .createTable('organisation')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('settings', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute()
  await schema
    .createTable('workspaces')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('description', 'text')
    .addColumn('settings', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('archived_at', 'bigint')
    .execute()
  await schema
    .createTable('service_accounts')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('workspace', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('deleted_at', 'bigint')
    .execute()
  await schema.createIndex('service_accounts_by_workspace').on('service_accounts').column('workspace').execute()
}

async function createPeople({ schema }: Kysely<never>): Promise<void> {
  await schema
    .createTable('users')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('email', 'text', (column) => column.notNull().unique())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('password', 'text')
    .addColumn('issuer', 'text')
    .addColumn('subject', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('disabled_at', 'bigint')
    .addColumn('last_seen_at', 'bigint')
    .execute()
  await schema.createIndex('users_by_subject').on('users').columns(['issuer', 'subject']).unique().execute()
  await schema
    .createTable('members')
    .addColumn('workspace', 'text', (column) => column.notNull())
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('members_key', ['user_id', 'workspace'])
    .execute()
  await schema.createIndex('members_by_workspace').on('members').column('workspace').execute()
}

async function createDoors({ schema }: Kysely<never>): Promise<void> {
  await schema
    .createTable('sessions')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('csrf', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute()
  await schema.createIndex('sessions_by_user').on('sessions').column('user_id').execute()
  await schema
    .createTable('invites')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('email', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('workspaces', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('accepted_at', 'bigint')
    .execute()
}

/** One column a statement: SQLite takes no more. */
async function widenKeys(database: Kysely<never>): Promise<void> {
  const { schema } = database
  const keys = schema.alterTable('keys')
  for (const name of ['role', 'reach'] as const) {
    await keys.addColumn(name, 'text', (column) => column.notNull().defaultTo('')).execute()
  }
  for (const name of ['user_id', 'service_account', 'models', 'endpoints', 'ip_ranges', 'replaced_by'] as const) {
    await keys.addColumn(name, 'text').execute()
  }
  // A key with the scope `admin` could do everything, so it stays the owner's.
  await sql`update keys set role = case scope when 'admin' then 'owner' else 'member' end,
    reach = case scope when 'admin' then 'organisation' else 'workspace' end`.execute(database)
  await keys.dropColumn('scope').execute()
  await schema.createIndex('keys_by_workspace').on('keys').column('workspace').execute()
  await schema.createIndex('keys_by_user').on('keys').column('user_id').execute()
  const oldest = sql`coalesce((select min(created_at) from keys), 0)`
  await sql`insert into organisation (id, name, settings, created_at) select 'organisation', 'Organisation', '{}', ${oldest}`.execute(
    database,
  )
  await sql`insert into workspaces (id, name, settings, created_at) select 'default', 'Default', '{}', ${oldest}`.execute(
    database,
  )
}
