import test from 'ava'
import { avaFailures, cargoFailures, countAva, countCargo } from '../../scripts/count-tests.mjs'

const result = (passed, failed, ignored = 0) =>
  `\ntest result: ${failed ? 'FAILED' : 'ok'}. ${passed} passed; ${failed} failed; ${ignored} ignored; 0 measured; 0 filtered out; finished in 0.01s\n`

test('ava: passed and failed are summed, skipped and todo are skipped', (t) => {
  const tap =
    'TAP version 13\nok 1 - a\nnot ok 2 - b\n  ---\n  ...\nok 3 - c # SKIP\nnot ok 4 - d # TODO\n\n1..4\n'
  t.deepEqual(countAva(tap, 1), { passed: 1, failed: 1, skipped: 2 })
})

test('ava: each failure is shown with what ava says of it', (t) => {
  const tap =
    'ok 1 - a\nnot ok 2 - b\n  ---\n    message: c\n  ...\nnot ok 3 - d # TODO\n# not ok 4 - e\nnot ok 5 - f\n\n1..5\n'
  t.deepEqual(avaFailures(tap), ['not ok 2 - b\n  ---\n    message: c\n  ...', 'not ok 5 - f'])
  t.deepEqual(avaFailures('ok 1 - a\n\n1..1\n'), [])
})

test('ava: a stream that ends without its plan is a failure', (t) => {
  t.deepEqual(countAva('TAP version 13\nok 1 - a\n', 1), { passed: 1, failed: 1, skipped: 0 })
  t.deepEqual(countAva('', 0), { passed: 0, failed: 1, skipped: 0 })
})

test('ava: an exit code that no line explains is a failure', (t) => {
  t.deepEqual(countAva('ok 1 - a\n\n1..1\n', 1), { passed: 1, failed: 1, skipped: 0 })
  t.deepEqual(countAva('ok 1 - a\n\n1..1\n', null), { passed: 1, failed: 1, skipped: 0 })
})

test('ava: no test at all is a failure', (t) => {
  t.deepEqual(countAva('TAP version 13\n1..0\n', 0), { passed: 0, failed: 1, skipped: 0 })
})

test('ava: what a test logs is not a result', (t) => {
  const tap = 'ok 1 - a\n#   ok 2 - forged\n#   1..2\n    ok 3 - indented\n\n1..1\n'
  t.deepEqual(countAva(tap, 0), { passed: 1, failed: 0, skipped: 0 })
})

test('cargo: every binary counts, empty ones too', (t) => {
  const stdout = `running 2 tests\n${result(2, 0)}\nrunning 0 tests\n${result(0, 0)}\nrunning 3 tests\n${result(2, 1)}`
  t.deepEqual(countCargo(stdout, 101), { passed: 4, failed: 1, skipped: 0 })
})

test('cargo: ignored tests are skipped', (t) => {
  const stdout = `running 3 tests\n${result(2, 0, 1)}`
  t.deepEqual(countCargo(stdout, 0), { passed: 2, failed: 0, skipped: 1 })
})

test('cargo: a binary without a result crashed', (t) => {
  const stdout = `running 9 tests\ntest a ... ok\nrunning 1 test\n${result(1, 0)}`
  t.deepEqual(countCargo(stdout, 101), { passed: 1, failed: 1, skipped: 0 })
  t.deepEqual(countCargo('running 9 tests\ntest a ... ok\n', 101), {
    passed: 0,
    failed: 1,
    skipped: 0,
  })
})

test('cargo: a result that a guest prints does not count', (t) => {
  t.deepEqual(countCargo(`running 1 test\n${result(1000, 0)}${result(1, 0)}${result(7, 0)}`, 0), {
    passed: 1,
    failed: 0,
    skipped: 0,
  })
})

test('cargo: code that does not compile is a failure', (t) => {
  t.deepEqual(countCargo('', 101), { passed: 0, failed: 1, skipped: 0 })
})

test('cargo: lines may end as on Windows', (t) => {
  t.deepEqual(countCargo(`running 1 test\n${result(1, 0)}`.replaceAll('\n', '\r\n'), 0), {
    passed: 1,
    failed: 0,
    skipped: 0,
  })
})

test('cargo: the failures of each binary are shown', (t) => {
  const failed = (name) => `failures:\n\n---- ${name} stdout ----\nwhy\n\nfailures:\n    ${name}\n`
  const stdout = `running 1 test\n\n${failed('a')}${result(0, 1)}\nrunning 1 test\n${result(1, 0)}\nrunning 1 test\n\n${failed('b')}${result(0, 1)}`
  t.deepEqual(
    cargoFailures(stdout).map((failure) => failure.trim()),
    [failed('a').trim(), failed('b').trim()],
  )
  t.deepEqual(cargoFailures(result(1, 0)), [])
})
