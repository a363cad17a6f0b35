import fc from "fast-check";
import { expect, test } from "vitest";
import { readLaterStanzas } from "../crypto/later-stanzas.ts";
import { recipientOf } from "../crypto/recipient.ts";
import { commitOf, filesOf, namesOf, newRepository, readBack, weightsOf } from "../testing/repository-rig.ts";
import { openerOf, privateKeyOf } from "../testing/rig.ts";
import { appendKeyEvent, readKeyLog } from "./key-log.ts";
import { rewrapKeys } from "./rewrap-keys.ts";
import { listSealedFiles, readSealedHeader } from "./sealed-files.ts";

const junk = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  // Much like one: the beginning is right.
  fc.uint8Array({ maxLength: 300 }).map((tail) => Buffer.concat([Buffer.from("LSRP\u0001\u0002"), tail])),
);

test("whatever lies beside a file, its readers go on and take little of it", async () => {
  const { repository } = await newRepository();
  const { id } = await commitOf(repository, weightsOf(1));
  const recipients = [recipientOf(privateKeyOf(77))];
  await rewrapKeys(repository, { opener: openerOf(12), recipients, onFile() {} });
  const { store } = repository;
  const before = await namesOf(repository, "");
  await fc.assert(
    fc.asyncProperty(fc.array(junk, { maxLength: 4 }), fc.integer({ min: 0, max: 9 }), async (files, bad) => {
      const sealed = await listSealedFiles(repository);
      for (const [n, bytes] of files.entries())
        for (const { name } of sealed) {
          const stem = name.slice(0, -2);
          await store.create(`${stem}000000000000010${n}.wk`, [bytes]);
          await store.create(`${stem}${bad}.wk`, [bytes]);
        }
      expect(await readBack(repository, id, openerOf(77))).toEqual(filesOf(weightsOf(1)));
      for (const file of sealed) {
        const header = await readSealedHeader(store, file);
        const { stanzas } = await readLaterStanzas(store, { name: file.name, header });
        expect(stanzas.length).toBe(1);
      }
      for (const name of await namesOf(repository, "")) if (!before.includes(name)) await store.remove(name);
    }),
    { numRuns: 60 },
  );
});

test("whatever lies in the log of keys, it is read, told, and written on", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat({ max: 12 }), junk), { maxLength: 6 }), async (files) => {
      const { repository } = await newRepository();
      const use = { kind: "key-use", by: "x", key: null, details: {} };
      await appendKeyEvent(repository, use);
      const names = new Set<string>();
      for (const [number, bytes] of files) {
        const name = `audit/${(number + 2).toString(16).padStart(16, "0")}.al`;
        if (await repository.store.create(name, [bytes])) names.add(name);
      }
      await appendKeyEvent(repository, use);
      const { events, problems } = await readKeyLog(repository);
      expect(events.length).toBe(2);
      expect(new Set(problems.map(({ name }) => name))).toEqual(names);
    }),
    { numRuns: 60 },
  );
});
