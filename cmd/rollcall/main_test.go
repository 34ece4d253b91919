package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// TestWrongUseIsOneLineAndExit2 lets a script tell a slip in its own command
// from a failure, and a person see the reason without a page of usage.
func TestWrongUseIsOneLineAndExit2(t *testing.T) {
	for _, wrong := range []struct{ args, says string }{
		{"", "expected one of"},
		{"frobnicate", "frobnicate"},
		{"serve --nope", "unknown flag --nope"},
		{"serve --lease soon", "--lease"},
		{"serve --lease 999ms", "--lease must be at least 1s"},
		{"serve --sessions all", "--sessions must be one of"},
		{"serve --email-match fuzzy", "--email-match must be one of"},
		{"serve --max-message 1MB", "--max-message"},
		{"serve --max-message 0", "--max-message must be from 1B to 1GiB"},
		{"serve --max-message 2GiB", "--max-message must be from 1B to 1GiB"},
		{"serve --ping-interval 0s", "--ping-interval must be at least"},
		{"serve --pong-timeout=-1s", "--pong-timeout must be at least"},
		{"serve --connect-timeout 1ms", "--connect-timeout must be at least"},
		{"serve --history-for 0s", "--history-for must be at least"},
		{"serve --database-wait=-1s", "--database-wait must be at least 0s"},
		{"serve --grace=-1s", "--grace must be at least 0s"},
		{"serve --grace -1s", "--grace must be at least 0s, but is -1s"},
		{"serve --max-watchers -1", "--max-watchers must not be negative, but is -1"},
		{"serve --demo=true --node --lease 5s", "--node: expected string value"},
		{"serve --grace=11m", "--grace must be at most 10m0s"},
		{"serve --max-connections=-1", "--max-connections must not be negative"},
		{"serve --max-connections-per-address=-1", "--max-connections-per-address must not be negative"},
		{"serve --max-message-rate=-1", "--max-message-rate must not be negative"},
		{"serve --listen 8000", "--listen must be HOST:PORT"},
		{"serve --listen :70000", "--listen must be HOST:PORT"},
		{"serve --pprof :6060", "--pprof must be an address of this machine alone"},
		{"serve --pprof 192.0.2.1:6060", "--pprof must be an address of this machine alone"},
		{"bench --rounds=0 connect", "--rounds must be at least 1"},
		{"bench --loops=99999 connect", "--loops must be at most 1000"},
		{"bench --pid=1 connect", "--pid is of a server that runs"},
		{"bench --server=http://127.0.0.1:1 --with=--lease=5s connect", "--with is for a server that is started"},
		{"bench connect --sockets=-5", "--sockets must be at least 1"},
		{"bench connect --concurrency=0", "--concurrency must be at least 1"},
		{"bench echo --depth=0", "--depth must be at least 1"},
		{"bench echo --every=1ns", "--every must be at least 1ms"},
		{"bench echo --for=-1s", "--for must be at least 1ms"},
		{"bench idle --from=3000 --to=1000", "--to must be at least 3001"},
		{"bench rest --connections=0", "--connections must be at least 1"},
		{"bench rest --variants=foo", "--variants are plain, gzip and etag"},
		{"bench churn --rate=0", "--rate must be more than 0"},
		{"bench leave --sockets=0", "--sockets must be at least 1"},
		{"bench mixed --every=0s", "--every must be at least 1ms"},
		{"bench watch --watchers=0", "--watchers must be at least 1"},
		{"bench in-memory --sockets=0", "--sockets must be at least 1"},
		{"bench in-memory --sockets=1000001", "--sockets must be at most 1000000"},
		{"bench --baseline in-memory", "--baseline is not for in-memory"},
		{"bench --server=http://127.0.0.1:1 in-memory", "--server is not for in-memory"},
		{"bench --with=--lease=5s in-memory", "--with is not for in-memory"},
		{"bench --baseline watch", "--baseline is not for watch"},
		{"bench watch --watchers=1001", "and not for 1001: --with=--max-watchers=1001"},
		{"bench connect --sockets=1000000000", "raise the limit of open files (ulimit -n)"},
		{"bench --with=--max-connections=30 mixed --talking=20 --passing=11", "and not for 31"},
		{"bench --with=--nope connect", "unknown flag --nope"},
		{"bench --with=--lease=1ms connect", "--lease must be at least 1s"},
		{"bench --with=--database=sqlite://other.db connect", "--database is for bench itself"},
		{"bench users --count=-1", "--count must be at least 1"},
		{"bench --server https://example.com connect", "--server must be http://HOST:PORT"},
		{"serve --node " + strings.Repeat("n", 256), "--node must be at most 255 bytes"},
		{"serve --log-format xml", "--log-format must be one of"},
		{"serve --log-level loud", "--log-level must be one of"},
		{"--database mysql://root:s3cret@host/x user list", "--database"},
		{"user add", "email"},
		{"user add alice@example.com nobody", `"nobody" is not an e-mail`},
		{"online", "--token"},
		{"online --token x --server ftp://example.com", "--server must be"},
		{"online --token x --interval 1ns", "--interval must be at least"},
		{"doctor --server http://127.0.0.1:8000", "--server needs --token"},
		{"doctor --token x --server example.com", "--server must be"},
	} {
		got := rollcallWith(t, "", strings.Fields(wrong.args)...)
		if got.code != exitUsage || got.out != "" {
			t.Errorf("rollcall %s: exit %d, printed %q", wrong.args, got.code, got.out)
		}
		if !oneComplaint(got.err) || !strings.Contains(got.err, wrong.says) {
			t.Errorf("rollcall %s: said %q, want one line with %q", wrong.args, got.err, wrong.says)
		}
		if strings.Contains(got.err, "s3cret") {
			t.Errorf("rollcall %s: told the password", wrong.args)
		}
	}
}

// TestWrongVariableIsExit2 holds the same for a setting that comes from the
// environment, where a person looks last.
func TestWrongVariableIsExit2(t *testing.T) {
	for variable, value := range map[string]string{
		"ROLLCALL_LEASE":       "soon",
		"ROLLCALL_MAX_MESSAGE": "1XB",
		"ROLLCALL_SESSIONS":    "all",
		"ROLLCALL_LISTEN":      "8000",
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			got := rollcallWith(t, "", "serve")
			flag := "--" + strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, "ROLLCALL_")), "_", "-")
			if got.code != exitUsage || !oneComplaint(got.err) || !strings.Contains(got.err, flag) {
				t.Errorf("exit %d, said %q, want one line with %s", got.code, got.err, flag)
			}
		})
	}
}

// TestFailureIsOneLineAndExit1 covers a command that is right and cannot be done.
func TestFailureIsOneLineAndExit1(t *testing.T) {
	got := rollcallWith(t, "", "--database", "sqlite://"+t.TempDir()+"/no/such/folder/r.db", "user", "list")
	if got.code != exitFailure || !oneComplaint(got.err) || got.out != "" {
		t.Errorf("exit %d, printed %q, said %q", got.code, got.out, got.err)
	}
}

// TestHelpAndVersionSucceed wants them on standard output, so that they can be
// piped into a pager, and no complaint about what else is missing.
func TestHelpAndVersionSucceed(t *testing.T) {
	for args, says := range map[string]string{
		"--help":           "user import",
		"serve --help":     "$ROLLCALL_LEASE",
		"user --help":      "user remove",
		"online --help":    "http://127.0.0.1:8000",
		"--version":        "rollcall",
		"user add -h":      "<email>",
		"online --version": "rollcall",
	} {
		got := rollcallWith(t, "", strings.Fields(args)...)
		if got.code != exitOK || got.err != "" || !strings.Contains(got.out, says) {
			t.Errorf("rollcall %s: exit %d, said %q, printed %q, want %q in it", args, got.code, got.err, got.out, says)
		}
	}
}

// result is what a process leaves behind.
type result struct {
	code     int
	out, err string
}

// rollcallWith runs a command line in this process with that standard input.
func rollcallWith(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, err bytes.Buffer
	code := new(cli).run(ctx, args, &streams{strings.NewReader(stdin), &out, &err})
	return result{code, out.String(), err.String()}
}

// newDatabase names a SQLite file that does not exist yet to all commands of
// the test.
func newDatabase(t *testing.T) {
	t.Helper()
	t.Setenv("ROLLCALL_DATABASE", persistencetest.SQLite(t))
	t.Setenv("ROLLCALL_LOG_LEVEL", "warn")
}

// mustRun fails the test unless the command succeeds in silence, and returns
// what it printed.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	got := rollcallWith(t, "", args...)
	if got.code != exitOK || got.err != "" {
		t.Fatalf("rollcall %s: exit %d, said %q", strings.Join(args, " "), got.code, got.err)
	}
	return got.out
}

func oneComplaint(said string) bool {
	return strings.HasPrefix(said, "rollcall: ") && strings.HasSuffix(said, "\n") && strings.Count(said, "\n") == 1
}

// transcript is what a command has written so far, read while it still runs.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// await polls until the condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
