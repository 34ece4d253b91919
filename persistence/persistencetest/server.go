package persistencetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// startTimeout bounds a start; the recovery after a crash is part of it.
	startTimeout = 60 * time.Second
	// stopTimeout bounds a stop. A server that needs longer fails its test.
	stopTimeout = 30 * time.Second
	// A port is drawn from these until one is free, and the test fails when
	// so many were not.
	firstPort    = 12_000
	ports        = 20_000
	portAttempts = 100
	// pollInterval is how often a condition that is waited for is looked at.
	pollInterval = 20 * time.Millisecond
)

// watch is the script of the watchdog. It waits for the end of its input, which
// comes when the test process closes it or ends in any way, kill -9 included.
// Then it stops the server, paused or not, waits for its end, and removes its
// directory. The wait is bounded, because a dead server that nobody reaps seems
// to live for ever.
const watch = `
cat >/dev/null
server=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && {
	kill -QUIT "$server"
	kill -CONT "$server" $(ps -A -o pid=,ppid= | awk -v server="$server" '$2 == server { print $1 }')
	n=0
	while kill -0 "$server" && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
} 2>/dev/null
rm -rf "$1"
`

// Server is a PostgreSQL server in a directory of its own. A test has it as a
// [Cluster]; a program that is no test gets errors, and must call Close.
type Server struct {
	bin, dir string
	user     *syscall.Credential // nil: as this process
	port     int

	watchdog *exec.Cmd
	alive    io.Closer // the watchdog's input

	running *exec.Cmd
	gone    chan struct{} // closed when running has ended
}

// NewServer makes a server that does not run yet, on a port that is free now.
func NewServer() (_ *Server, err error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin}
	if os.Geteuid() == 0 { // as whom PostgreSQL refuses to run
		if s.user, err = unprivileged(); err != nil {
			return nil, err
		}
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "rollcall-postgres-"); err != nil {
		return nil, fmt.Errorf("make a directory for a server: %w", err)
	}
	if s.user != nil {
		if err := os.Chown(s.dir, int(s.user.Uid), int(s.user.Gid)); err != nil {
			return nil, fmt.Errorf("make a directory for a server: %w", err)
		}
	}
	if err := s.startWatchdog(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err := s.init(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// URL is that of one of its databases; a new server has one, postgres.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

func (s *Server) init() error {
	out, err := s.command(filepath.Join(s.bin, "initdb"), "--pgdata="+s.data(),
		"--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb in %s: %w\n%s", s.dir, err, out)
	}
	return nil
}

// Dir is the server's directory, and belongs to the user that it runs as.
func (s *Server) Dir() string { return s.dir }

// Start returns when the server answers. It keeps synchronous_commit, so that
// transactions wait as in earnest, and leaves out fsync, which matters only when
// the machine dies; settings such as fsync=on come last, and win.
func (s *Server) Start(settings ...string) error {
	var err error
	poll(startTimeout, nil, func() bool {
		err = s.start(settings)
		return err == nil || !errors.Is(err, errOldServer)
	})
	return err
}

// errOldServer means that a process of the server before has not gone yet. One that
// is killed may take a moment longer than its parent.
var errOldServer = errors.New("a process of the server before still runs")

func (s *Server) start(settings []string) error {
	logName := filepath.Join(s.dir, "log")
	log, err := os.OpenFile(logName, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the server's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the server has its own copy
	before, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("find the end of the server's log: %w", err)
	}
	args := []string{"-D", s.data(), "-p", strconv.Itoa(s.port)}
	for _, setting := range append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "full_page_writes=off",
	}, settings...) {
		args = append(args, "-c", setting)
	}
	cmd := s.command(filepath.Join(s.bin, "postgres"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(gone)
	}()
	s.running, s.gone = cmd, gone
	answers := func() bool { return s.ping() == nil }
	if !poll(startTimeout, gone, answers) {
		out, _ := os.ReadFile(logName)
		if said := out[min(int(before), len(out)):]; bytes.Contains(said, []byte("pre-existing shared memory block")) {
			return errOldServer
		}
		return fmt.Errorf("PostgreSQL did not start on port %d:\n%s", s.port, bytes.TrimSpace(out))
	}
	return nil
}

// Stop returns when the server is gone, paused or not.
func (s *Server) Stop(mode StopMode) error {
	signal := syscall.Signal(mode)
	if err := s.signalAll(syscall.SIGCONT); err != nil {
		return err
	}
	send := s.running.Process.Signal
	if signal == syscall.SIGKILL { // the parent could not pass it on, and a new server waits for the children
		send = func(os.Signal) error { return s.signalAll(signal) }
	}
	if err := send(signal); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	select {
	case <-s.gone:
	case <-time.After(stopTimeout):
		return errors.New("stop PostgreSQL: it still runs")
	}
	return nil
}

// Pause freezes all processes of the server.
func (s *Server) Pause() error { return s.signalAll(syscall.SIGSTOP) }

// Resume lets a server go on that was paused.
func (s *Server) Resume() error { return s.signalAll(syscall.SIGCONT) }

// signalAll sends a signal to the server and to each of its children, which are
// not in its process group.
func (s *Server) signalAll(signal syscall.Signal) error {
	parent := s.running.Process.Pid
	pids, err := children(parent)
	if err != nil {
		return err
	}
	for _, pid := range append([]int{parent}, pids...) { // the parent first: it starts no more
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("send %s to process %d of PostgreSQL: %w", signal, pid, err)
		}
	}
	return nil
}

// Close ends the server and removes it. It leaves everything to the watchdog, so
// that there is one way out.
func (s *Server) Close() {
	_ = s.alive.Close()
	_ = s.watchdog.Wait()
}

func (s *Server) startWatchdog() (err error) {
	s.watchdog = s.command("/bin/sh", "-c", watch, "watchdog", s.dir)
	if s.alive, err = s.watchdog.StdinPipe(); err != nil {
		return fmt.Errorf("start the watchdog: %w", err)
	}
	if err := s.watchdog.Start(); err != nil {
		return fmt.Errorf("start the watchdog: %w", err)
	}
	return nil
}

// command runs as the server's user, and in a process group of its own: an
// interrupt from the keyboard is for the tests, and the watchdog follows.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.user}
	return cmd
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// poll waits until a condition holds, and reports false if it did not in time or
// if gone was closed before.
func poll(timeout time.Duration, gone <-chan struct{}, condition func() bool) bool {
	deadline := time.After(timeout)
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-gone:
			return false
		case <-deadline:
			return false
		}
	}
	return true
}

// freePort finds a port below those that the kernel gives to clients. One of
// theirs could be taken while the server is stopped, even by a client that tries
// to reach the server: on one machine it may so be connected to itself.
func freePort() (int, error) {
	for range portAttempts {
		port := firstPort + rand.IntN(ports)
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("find a free port: none of many is")
}

// children lists the processes of a parent.
func children(parent int) (pids []int, err error) {
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return nil, fmt.Errorf("list the processes of PostgreSQL: %w", err)
	}
	for line := range bytes.Lines(out) {
		var pid, ppid int
		if _, err := fmt.Sscan(string(line), &pid, &ppid); err == nil && ppid == parent {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
