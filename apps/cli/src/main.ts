#!/usr/bin/env node
import "effect/schema/SchemaJITCompiler/enable";
import { main } from "./Cli.ts";
import { runProcess } from "./Process.ts";

runProcess(main(process.argv.slice(2)));
