// Chat templates are hostile input: whatever they do is a text or a 4xx, within bounds.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../base/errors.ts'
import { compileTemplate, formatTime } from './jinja.ts'

const render = (source: string, variables: Record<string, unknown> = {}) =>
  compileTemplate(source).render(variables, 100)

function rejected(source: string, reason: RegExp) {
  assert.throws(
    () => render(source),
    (error) =>
      error instanceof Failure &&
      error.code === 'template_rejected' &&
      error.status === 400 &&
      reason.test(error.message),
    source,
  )
}

test('a template sees its variables and the functions of Hugging Face', () => {
  assert.equal(render('{% for m in messages %}{{ m.role }}{% endfor %}', { messages: [{ role: 'user' }] }), 'user')
  assert.equal(render('{% for i in range(3) %}{{ i }}{% endfor %}{{ range(4, 1, -1) | length }}'), '0123')
  assert.match(render("{{ strftime_now('%Y-%m-%d') }}"), /^\d{4}-\d{2}-\d{2}$/)
})

test('a refusal carries the words of the template', () => {
  rejected("{{ raise_exception('Roles must alternate!') }}", /Roles must alternate!/)
})

test('a template with a fault says so when it is used', () => {
  rejected('{% for %}', /cannot be parsed/)
  rejected('{{ missing.part() }}', /it failed/)
})

test('loops without end, and output without end, are cut', () => {
  rejected(
    '{% for a in range(99999) %}{% for b in range(99999) %}{% set c = a %}{% endfor %}{% endfor %}',
    /ran longer/,
  )
  rejected('{{ range(1000000000) | length }}', /range\(\)/)
  rejected(
    "{% set n = namespace(t='0123456789') %}{% for i in range(20) %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t }}",
    /far longer/,
  )
  rejected(
    "{% set n = namespace(t='0123456789') %}{% for i in range(40) %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t }}",
    /failed|far longer/,
  )
})

test('dates are written in English, whatever the locale', () => {
  const date = new Date(2026, 0, 5, 9, 7, 3)
  assert.equal(
    formatTime(date, '%d %b %Y, %A %B %-d %H:%M:%S %I %p %y %% %Q'),
    '05 Jan 2026, Monday January 5 09:07:03 09 AM 26 % %Q',
  )
})
