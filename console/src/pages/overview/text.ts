// The overview's words.
import { words } from '../../language/words.ts'

/** All of them. */
export const text = words({
  en: {
    title: 'Overview',
    hint: 'What the models of this server are doing now. Galerne {version}.',
    running: 'Being answered',
    ofStreams: 'of {streams} at once',
    waiting: 'In line',
    speed: 'Tokens/s',
    cached: 'Prompt from the cache',
    memory: 'server process {size}',
    models: 'Models',
    streams: 'Streams',
    kv: 'Cache in use',
    facts: '{context} tokens of context · {tokens} generated',
    restarts: 'restarted {count} times',
    none: 'No model is loaded',
    noneHint: 'Load one on the page “Models”, or start the server with --model.',
  },
  fr: {
    title: 'Vue d’ensemble',
    hint: 'Ce que font les modèles de ce serveur en ce moment. Galerne {version}.',
    running: 'Réponses en cours',
    ofStreams: 'sur {streams} à la fois',
    waiting: 'Dans la file',
    speed: 'Tokens/s',
    cached: 'Prompt venu du cache',
    memory: 'processus du serveur {size}',
    models: 'Modèles',
    streams: 'Flux',
    kv: 'Cache utilisé',
    facts: '{context} tokens de contexte · {tokens} générés',
    restarts: 'redémarré {count} fois',
    none: 'Aucun modèle n’est chargé',
    noneHint: 'Chargez-en un sur la page « Modèles », ou démarrez le serveur avec --model.',
  },
})
