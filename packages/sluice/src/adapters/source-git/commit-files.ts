import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nameFromBytes } from '#host';
import { err, ok, SluiceError, type Result } from '#kernel';
import { git } from './git.ts';

/** A file of a commit: its mode (`100644`, `100755`, `120000` for a link) and the id of its content, as git has them. */
type CommittedFile = { readonly mode: string; readonly id: string };

/** Every file of a commit by its path; other repositories within it have no files here. */
export async function committedFiles(repository: string, sha: string): Promise<Result<ReadonlyMap<string, CommittedFile>, SluiceError>> {
  const listed = await git(repository, ['ls-tree', '-r', '-z', '--full-tree', '--end-of-options', sha]);
  if (listed.code !== 0) {
    const fact = listed.stderr.split('\n')[0] ?? '';
    return err(new SluiceError('unavailable', `the files of commit ${sha.slice(0, 7)} cannot be listed: ${fact}`, { hint: 'git fsck' }));
  }
  const files = new Map<string, CommittedFile>();
  for (let at = 0; at < listed.stdout.length;) {
    const end = listed.stdout.indexOf(0, at);
    const tab = listed.stdout.indexOf(0x09, at);
    if (end === -1 || tab === -1 || tab > end) break;
    const [mode = '', kind, id = ''] = listed.stdout.toString('latin1', at, tab).split(' ');
    if (kind === 'blob') files.set(nameFromBytes(listed.stdout.subarray(tab + 1, end)), { mode, id });
    at = end + 1;
  }
  return ok(files);
}

/**
 * A repository of our own that has nothing but another one's objects, and writes files as they were committed: no attribute of a commit converts line ends or
 * characters, and no setting of the other repository names a program that filters them.
 */
export async function plainRepository(repository: string, folder: string): Promise<Readonly<Record<string, string>>> {
  const said = await git(repository, ['rev-parse', '--show-object-format', '--path-format=absolute', '--git-path', 'objects']);
  const [format = 'sha1', objects = ''] = said.stdout.toString('utf8').split('\n');
  await mkdir(join(folder, 'info'), { recursive: true });
  await mkdir(join(folder, 'refs'));
  await writeFile(join(folder, 'HEAD'), 'ref: refs/heads/none\n');
  await writeFile(
    join(folder, 'config'),
    `[core]\n\trepositoryformatversion = 1\n\tbare = false\n[extensions]\n\tobjectFormat = ${format}\n`,
  );
  await writeFile(join(folder, 'info', 'attributes'), '* -text !eol !ident !filter !working-tree-encoding\n');
  return { GIT_DIR: folder, GIT_OBJECT_DIRECTORY: objects };
}
