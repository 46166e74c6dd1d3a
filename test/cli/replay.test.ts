// `replay` and `dlq` without a broker: options that do not go together, each told with its name.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { cli } from '../support/cli.ts'

setDefaultTimeout(60_000)

const NOWHERE = ['--set', 'bootstrap.servers=127.0.0.1:1', '--set', 'broker.timeout.ms=1000']

test.each([
  ['replay', 'give one of --output, --verify and --compare'],
  ['replay --verify --compare', 'give one of --output, --verify and --compare'],
  ['replay --verify --model x', '--verify takes the recorded model and policy'],
  ['replay --compare', '--compare needs --model or --policy'],
  ['replay -o x.avro --models y', '--models goes with --verify'],
  ['replay -o x.avro --decisions-to 5', '--decisions-to goes with --verify'],
  ['replay -o x.parquet', 'must be a .jsonl, .csv or .avro file, or topic:NAME'],
  ['replay -o x.avro --from yesterday', '--from yesterday: must be a time such as'],
  ['replay -o x.avro --partition 1,b', 'whole number from 0 to 2147483647'],
  ['replay -o x.avro', 'bootstrap.servers is not set'],
  ['dlq lst', 'list'],
  ['dlq list --class bad-strng', 'the nearest is bad-string'],
  ['dlq list --offset 9-3', '--offset 9-3: must be an offset'],
  ['dlq list --until noon', '--until noon: must be a time such as'],
  ['dlq export -o letters.txt', 'letters go to .jsonl, .csv or .avro'],
  ['dlq replay', 'choose letters, by --class for example, or give --all'],
  ['dlq replay --all --class truncated', 'choose letters, by --class for example, or give --all'],
])('%s', async (args, says) => {
  const { code, err, out } = await cli(args.split(' '))
  expect([code, out, err]).toEqual([2, '', expect.stringContaining(says)])
})

test.each(['replay -o x.avro', 'dlq list'])('%s: no answer is exit code 1', async (args) => {
  const { code, err } = await cli([...args.split(' '), ...NOWHERE])
  expect([code, err]).toEqual([1, expect.stringMatching(/^error: no answer from 127\.0\.0\.1:1: /)])
})
