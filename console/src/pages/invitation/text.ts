// The words of an invitation.
import { words } from '../../language/words.ts'

/** All of them. */
export const text = words({
  en: {
    title: 'You are invited',
    hint: '{email} joins this Galerne as {role}.',
    name: 'Your name',
    password: 'Choose a password',
    passwordHint: 'Twelve characters or more.',
    accept: 'Join',
  },
  fr: {
    title: 'Vous êtes invité',
    hint: '{email} rejoint ce Galerne comme {role}.',
    name: 'Votre nom',
    password: 'Choisissez un mot de passe',
    passwordHint: 'Douze caractères ou plus.',
    accept: 'Rejoindre',
  },
})
