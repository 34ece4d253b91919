package main

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// guard cleans up after something that must not outlive this process, however
// that ends: kill -9 runs no deferred function. It is a shell that waits for the
// end of its input, which comes when the guard is closed or this process is gone.
type guard struct {
	shell *exec.Cmd
	input io.Closer
}

// newGuard runs the script when the time has come, with args as $1 and so on.
func newGuard(script string, args ...string) (*guard, error) {
	g := &guard{shell: exec.Command("/bin/sh", append([]string{"-c", "cat >/dev/null; " + script, "guard"}, args...)...)}
	g.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the keyboard is not for it
	var err error
	if g.input, err = g.shell.StdinPipe(); err == nil {
		err = g.shell.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start a guard: %w", err)
	}
	return g, nil
}

// close returns when the script is through.
func (g *guard) close() {
	_ = g.input.Close()
	_ = g.shell.Wait() // what it could not do was done before
}
