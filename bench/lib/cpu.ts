/** CPU time of the serving processes, as the operating system counts it. */

import { readdirSync, readFileSync } from "node:fs"

/** Linux counts in hundredths of a second. */
const MS_PER_TICK = 10

/** Milliseconds of user and system time so far: workerd, and this process, in which Miniflare runs. */
export function cpuMs(): number {
  return processMs(process.pid) + childPids(process.pid, "workerd").reduce((sum, pid) => sum + processMs(pid), 0)
}

function processMs(pid: number): number {
  const fields = statFields(pid)
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
}

/** Fields of `proc_pid_stat(5)` behind the name, which may hold blanks and brackets itself. */
function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8")
  return text.slice(text.lastIndexOf(")") + 2).split(" ")
}

function childPids(parent: number, name: string): number[] {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim().split(" ")
  const found = children
    .filter((pid) => pid !== "")
    .map(Number)
    .filter((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").startsWith(name))
  if (found.length === 0) throw new Error(`there is no ${name} among the processes of the bench`)
  return found
}

/** Milliseconds of user and system time so far: a process and all that descend from it. */
export function treeCpuMs(pid: number): number {
  return childrenOf(pid).reduce((sum, child) => sum + treeCpuMs(child), processMs(pid))
}

/** Children belong to the thread that started them. */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  )
}
