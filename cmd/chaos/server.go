package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// serveTimeout is how long a server may take to serve; then the run fails.
	serveTimeout = 30 * time.Second
	// killServer is what a guard does. The signal reaches a frozen one too.
	killServer = `kill -KILL "$1" 2>/dev/null`
	// logEnding is that of the files with what the servers said.
	logEnding = ".log"
)

// server is one rollcall process.
type server struct {
	name    string
	address string
	command *exec.Cmd
	guard   *guard
	gone    chan struct{} // closed when the process has ended
}

// program is the binary under test, and what all its processes are told.
type program struct {
	path  string
	flags []string
	logs  string // the folder where each process has its file
	count int    // of processes so far
}

// serve starts a server and waits until it serves.
func (p *program) serve(ctx context.Context, name string) (*server, error) {
	p.count++
	log, err := os.Create(filepath.Join(p.logs, fmt.Sprintf("%03d-%s", p.count, name)+logEnding))
	if err != nil {
		return nil, fmt.Errorf("start server %s: %w", name, err)
	}
	s := &server{name: name, gone: make(chan struct{})}
	s.command = exec.Command(p.path, append([]string{"serve", "--node=" + name}, p.flags...)...)
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr, err := s.command.StderrPipe()
	if err == nil {
		err = s.command.Start()
	}
	if err == nil {
		s.guard, err = newGuard(killServer, strconv.Itoa(s.command.Process.Pid))
	}
	if err != nil {
		return nil, fmt.Errorf("start server %s: %w", name, errors.Join(err, log.Close()))
	}
	serving := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(log, lines.Text())
			if _, rest, ok := strings.Cut(lines.Text(), "msg=serving address="); ok {
				address, _, _ := strings.Cut(rest, " ")
				serving <- address
			}
		}
		_ = s.command.Wait() // how it ended is read from its state
		_ = log.Close()
		close(s.gone)
	}()
	timeout := time.NewTimer(serveTimeout)
	defer timeout.Stop()
	select {
	case s.address = <-serving:
		return s, nil
	case <-s.gone:
		err = errors.New("it has ended")
	case <-timeout.C:
		err = errors.New("it does not serve in time")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.end()
	return nil, fmt.Errorf("start server %s: %w; see %s", name, err, log.Name())
}

// signal sends a signal, also to a process that is gone.
func (s *server) signal(signal syscall.Signal) { _ = s.command.Process.Signal(signal) }

// exit waits for the end of the process, and returns its code; false if it did
// not come in time.
func (s *server) exit(timeout time.Duration) (code int, ok bool) {
	expired := time.NewTimer(timeout)
	defer expired.Stop()
	select {
	case <-s.gone:
		return s.command.ProcessState.ExitCode(), true
	case <-expired.C:
		return 0, false
	}
}

// end kills the process, whatever state it is in.
func (s *server) end() {
	s.signal(syscall.SIGKILL)
	<-s.gone
	s.guard.close()
}
