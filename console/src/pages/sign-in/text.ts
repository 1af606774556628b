// The words of the way in.
import { words } from '../../language/words.ts'

/** All of them. */
export const text = words({
  en: {
    tagline: 'Open-weight models, on your own machines',
    title: 'Sign in',
    key: 'API key',
    keyHint: 'The first start printed one in the terminal; it also lies in the file “key” of the data folder.',
    email: 'E-mail',
    password: 'Password',
    submit: 'Sign in',
    withKey: 'Use a key instead',
    withPassword: 'Use e-mail and password instead',
    withProvider: 'Sign in with {issuer}',
    providerUnknown: 'The provider knows you, but nobody has invited this address here.',
    providerFailed: 'Signing in with the provider did not work. Try again.',
    wrongKey: 'No such key, or it has ended.',
    wrongPassword: 'E-mail and password do not fit together.',
  },
  fr: {
    tagline: 'Des modèles ouverts, sur vos propres machines',
    title: 'Se connecter',
    key: 'Clé d’API',
    keyHint:
      'Le premier démarrage en a affiché une dans le terminal ; elle est aussi dans le fichier « key » du dossier de données.',
    email: 'E-mail',
    password: 'Mot de passe',
    submit: 'Se connecter',
    withKey: 'Utiliser plutôt une clé',
    withPassword: 'Utiliser plutôt e-mail et mot de passe',
    withProvider: 'Se connecter avec {issuer}',
    providerUnknown: 'Le fournisseur vous connaît, mais personne n’a invité cette adresse ici.',
    providerFailed: 'La connexion par le fournisseur n’a pas marché. Réessayez.',
    wrongKey: 'Cette clé n’existe pas, ou n’est plus valable.',
    wrongPassword: 'E-mail et mot de passe ne vont pas ensemble.',
  },
})
