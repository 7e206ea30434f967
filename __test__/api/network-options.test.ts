// The grammar of `network`: what is a rule, and what is refused with which words.
import test from 'ava'
import { encodeNetwork } from '../../src/port/encode-network.ts'
import { Encoder } from '../../src/encoder.ts'
import { parseNamePattern } from '../../src/port/network-name.ts'
import { parseNetworkRule } from '../../src/port/network-rule.ts'
import { WasiexecError } from '../../src/errors.ts'

/** A rule in one canonical notation. */
function canonical(text: string, list: 'allow' | 'listen' = 'allow'): string {
  const { protocol, host, ports } = parseNetworkRule('rule', text, list)
  const shown =
    host.kind === 'any'
      ? '*'
      : host.kind === 'name'
        ? JSON.stringify(host.pattern)
        : `${Buffer.from(host.bytes).toString('hex')}/${host.prefix}`
  return `${protocol} ${shown} ${ports.map((range) => range.join('-')).join(',')}`
}

function message(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (error instanceof WasiexecError && error.code === 'ERR_INVALID_OPTION') return error.message
    throw error
  }
  return 'accepted'
}

const RULES: readonly (readonly [text: string, canonical: string])[] = [
  ['127.0.0.1:5432', 'tcp 7f000001/32 5432-5432'],
  ['tcp:127.0.0.1:5432', 'tcp 7f000001/32 5432-5432'],
  ['udp:10.0.0.0/8:53', 'udp 0a000000/8 53-53'],
  ['0.0.0.0/0:1-65535', 'tcp 00000000/0 1-65535'],
  ['0.0.0.0:1', 'tcp 00000000/32 1-1'],
  ['128.0.0.0/1:80', 'tcp 80000000/1 80-80'],
  ['10.128.0.0/9:80', 'tcp 0a800000/9 80-80'],
  ['*:*', 'tcp * 1-65535'],
  ['udp:*:80-90', 'udp * 80-90'],
  ['*:80,443,8000-8099', 'tcp * 80-80,443-443,8000-8099'],
  ['tcp:[::1]:*', `tcp ${'0'.repeat(31)}1/128 1-65535`],
  ['[::]:1', `tcp ${'0'.repeat(32)}/128 1-1`],
  ['[::]/0:1', ''],
  ['[::/0]:1', `tcp ${'0'.repeat(32)}/0 1-1`],
  ['[FE80::/10]:1', `tcp fe80${'0'.repeat(28)}/10 1-1`],
  ['[2001:db8::]:1', `tcp 20010db8${'0'.repeat(24)}/128 1-1`],
  ['[2001:db8::1:2]:1', `tcp 20010db8${'0'.repeat(16)}00010002/128 1-1`],
  ['[1:2:3:4:5:6:7:8]:1', 'tcp 00010002000300040005000600070008/128 1-1'],
  ['[64:ff9b::192.0.2.33]:1', `tcp 0064ff9b${'0'.repeat(16)}c0000221/128 1-1`],
  ['[1::]:1', `tcp 0001${'0'.repeat(28)}/128 1-1`],
  ['db.internal:5432', 'tcp {"kind":"exact","name":"db.internal"} 5432-5432'],
  ['DB.Internal.:1', 'tcp {"kind":"exact","name":"db.internal"} 1-1'],
  ['*.internal:*', 'tcp {"kind":"below","name":"internal"} 1-65535'],
  ['udp:localhost:53', 'udp {"kind":"exact","name":"localhost"} 53-53'],
  ['_service.example:1', 'tcp {"kind":"exact","name":"_service.example"} 1-1'],
  ['bücher.example:1', 'tcp {"kind":"exact","name":"xn--bcher-kva.example"} 1-1'],
  // The protocol of a host that is called so must be written.
  ['tcp:tcp:80', 'tcp {"kind":"exact","name":"tcp"} 80-80'],
]

for (const [text, expected] of RULES) {
  test(`the rule ${text}`, (t) => {
    if (expected === '')
      t.regex(
        message(() => canonical(text)),
        /must be \[tcp:\|udp:\]HOST:PORTS/,
      )
    else t.is(canonical(text), expected)
  })
}

test('listeners have port 0, and all ports include it', (t) => {
  t.is(canonical('127.0.0.1:0', 'listen'), 'tcp 7f000001/32 0-0')
  t.is(canonical('[::1]:*', 'listen'), `tcp ${'0'.repeat(31)}1/128 0-65535`)
  t.is(canonical('udp:*:0,80', 'listen'), 'udp * 0-0,80-80')
})

const SHAPE = "[tcp:|udp:]HOST:PORTS, such as '127.0.0.1:5432' or 'udp:[::1]:53'"
const PORTS = "a rule whose ports are '*', a number, a range (80-90) or a list of these (80,443)"
const NAME = 'a rule whose host is an address, a network, a name or *'

const REFUSED: readonly (readonly [text: string, expected: string])[] = [
  ['', SHAPE],
  ['127.0.0.1', SHAPE],
  [':80', SHAPE],
  ['[::1]', SHAPE],
  ['[::1', SHAPE],
  ['[::1]80', SHAPE],
  ['tcp:80', SHAPE],
  ['127.0.0.1:', PORTS],
  ['127.0.0.1:x', PORTS],
  ['127.0.0.1:080', PORTS],
  ['127.0.0.1:80-', PORTS],
  ['127.0.0.1:80,', PORTS],
  ['127.0.0.1:*,80', PORTS],
  ['127.0.0.1:80,*', PORTS],
  ['127.0.0.1: 80', PORTS],
  ['127.0.0.1:+80', PORTS],
  ['127.0.0.1:1e3', PORTS],
  ['127.0.0.1:0', 'a rule whose ports are from 1 to 65535'],
  ['127.0.0.1:65536', 'a rule whose ports are from 1 to 65535'],
  ['127.0.0.1:1-65536', 'a rule whose ports are from 1 to 65535'],
  ['127.0.0.1:90-80', 'a rule whose ranges of ports begin with the lower port'],
  ['::1:80', 'a rule whose IPv6 address is in brackets: [::1]'],
  ['TCP:127.0.0.1:80', SHAPE],
  ['http://localhost:80', SHAPE],
  ['sctp:127.0.0.1:80', SHAPE],
  ['[127.0.0.1]:80', 'a rule whose brackets have an IPv6 address or network in them'],
  ['[]:80', 'a rule whose brackets have an IPv6 address or network in them'],
  ['[localhost]:80', 'a rule whose brackets have an IPv6 address or network in them'],
  ['[fe80::1%eth0]:80', 'a rule without a zone (%): it is for the address in every zone'],
  ['[::ffff:127.0.0.1]:80', 'a rule with the IPv4 address itself: 127.0.0.1'],
  ['[::ffff:a00:0/104]:80', 'a rule with the IPv4 address itself: 10.0.0.0'],
  ['10.0.0.1/8:80', 'a rule whose network has only zeros after its first 8 bits'],
  ['10.0.0.0/33:80', 'a rule whose prefix is from 0 to 32 bits long'],
  ['10.0.0.0/08:80', 'a rule whose prefix is from 0 to 32 bits long'],
  ['10.0.0.0/:80', 'a rule whose prefix is from 0 to 32 bits long'],
  ['[::/129]:80', 'a rule whose prefix is from 0 to 128 bits long'],
  ['[2001:db8::1/32]:80', 'a rule whose network has only zeros after its first 32 bits'],
  ['localhost/8:80', 'a rule whose network is an address and the length of its prefix: 10.0.0.0/8'],
  ['127.1:80', `${NAME} (127.1 is the address 127.0.0.1 in another notation)`],
  ['010.0.0.1:80', `${NAME} (010.0.0.1 is the address 8.0.0.1 in another notation)`],
  ['2130706433:80', `${NAME} (2130706433 is the address 127.0.0.1 in another notation)`],
  ['0x7f.0.0.1:80', `${NAME} (0x7f.0.0.1 is the address 127.0.0.1 in another notation)`],
  ['127.0.0.1.:80', `${NAME} (127.0.0.1 is an address)`],
  ['256.0.0.1:80', NAME],
  ['1.2.3.4.5:80', NAME],
  ['a..b:80', NAME],
  ['.a:80', NAME],
  ['-a:80', NAME],
  ['a b:80', NAME],
  ['a@b:80', NAME],
  ['a%41:80', NAME],
  ['*a.b:80', NAME],
  ['a.*.b:80', NAME],
  ['**.b:80', NAME],
  ['*.:80', NAME],
  [`${'a'.repeat(64)}.b:80`, NAME],
  [`${'a.'.repeat(127)}b:80`, NAME],
]

for (const [index, [text, expected]] of REFUSED.entries()) {
  test(`not a rule (${index}): ${text.slice(0, 40)}`, (t) => {
    const refused = message(() => parseNetworkRule('network.allow[7]', text, 'allow'))
    t.true(refused.startsWith(`\`network.allow[7]\` must be ${expected}, got `), refused)
  })
}

test('what is not for listeners is refused', (t) => {
  for (const [text, expected] of [
    ['localhost:80', 'a rule with an address: names are not bound'],
    ['*.internal:80', 'a rule with an address: names are not bound'],
    ['127.0.0.1:0-10', 'a rule without 0 in a range of ports'],
  ] as const) {
    const refused = message(() => parseNetworkRule('network.listen[0]', text, 'listen'))
    t.true(refused.startsWith(`\`network.listen[0]\` must be ${expected}`), refused)
  }
})

test('names to look up are not addresses', (t) => {
  t.deepEqual(parseNamePattern('dns', '*'), { kind: 'any' })
  t.deepEqual(parseNamePattern('dns', '*.Example.COM.'), { kind: 'below', name: 'example.com' })
  for (const text of ['127.0.0.1', '127.1', '[::1]', '::1', '', '.', '*.', 'a/b', 'a:80']) {
    t.regex(
      message(() => parseNamePattern('dns', text)),
      /^`dns` must be a name, '\*\.' and a name, or '\*'/,
    )
  }
})

test('what is no network is refused, and names what is wrong', (t) => {
  const refusal = (value: unknown) => message(() => encodeNetwork(value, new Encoder(64)))
  for (const [value, expected] of [
    [true, '`network` must be false or { allow, listen, dns }, got true'],
    [null, '`network` must be false or { allow, listen, dns }, got null'],
    ['127.0.0.1:80', '`network` must be false or { allow, listen, dns }, got "127.0.0.1:80"'],
    [['127.0.0.1:80'], '`network` must be false or { allow, listen, dns }, got an array'],
    [{ alow: [] }, 'unknown option `network.alow`; did you mean `allow`?'],
    [{ allow: '127.0.0.1:80' }, '`network.allow` must be an array of rules, got "127.0.0.1:80"'],
    [{ allow: [80] }, '`network.allow[0]` must be a string, got 80'],
    [{ allow: Array(1) }, '`network.allow[0]` must be a string, got undefined'],
    [{ listen: ['*:*', '80'] }, '`network.listen[1]` must be [tcp:|udp:]HOST:PORTS'],
    [{ dns: true }, '`network.dns` must be false or an array of names, got true'],
    [
      { dns: ['a', '127.0.0.1'] },
      "`network.dns[1]` must be a name, '*.' and a name, or '*' (127.0.0.1 is an address)",
    ],
    [
      { allow: ['localhost:80'], dns: false },
      '`network.allow[0]` must be a rule with an address, because `network.dns` is false, got "localhost:80"',
    ],
    [
      { allow: Array.from({ length: 1001 }, () => '*:*') },
      '`network.allow` must be an array of at most 1000 rules, got an array of 1001',
    ],
  ] as const) {
    const refused = refusal(value)
    t.true(refused.startsWith(expected), refused)
  }
  for (const value of [false, {}, { allow: undefined, dns: false }, { allow: [], dns: [] }])
    t.is(refusal(value), 'accepted')
})
