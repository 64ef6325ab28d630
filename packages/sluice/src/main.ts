import { runCli, Terminal } from '#cli';
import { closeInheritedFiles } from '#host';
import { Interrupts } from './interrupts.ts';
import { makeWorld } from './world.ts';

closeInheritedFiles();
const interrupts = new Interrupts();
const terminal = new Terminal({ out: process.stdout, err: process.stderr }, process.env);
process.exitCode = await runCli(process.argv.slice(2), terminal, () => makeWorld({ interrupts, env: process.env }));
