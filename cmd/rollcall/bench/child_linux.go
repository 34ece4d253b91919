package bench

import (
	"os/exec"
	"syscall"
)

// child makes a process one that a terminal's interrupt does not reach: a server that
// hears it, and then that it is to stop, takes the second for impatience, and leaves
// rows behind. And it ends when this process is killed.
func child(command *exec.Cmd) *exec.Cmd {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return command
}
