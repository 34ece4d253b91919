//go:build !linux

package bench

import "os/exec"

// child is for Linux, like all clients.
func child(command *exec.Cmd) *exec.Cmd { return command }
