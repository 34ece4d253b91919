package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"

	"github.com/rollcall/rollcall/cmd/rollcall/bench"
)

// entry is one bench of the set, and the figures of it that the page shows.
type entry struct {
	command string // behind "rollcall bench"
	figures []string
}

// set takes about five minutes. The counts are those of the targets; the file
// limit of a machine that allows a process 20,000 open files is enough.
var set = []entry{
	{"--baseline --rounds=5 connect --sockets=5000 --concurrency=500", []string{"connects", "greeting p99", "server's CPU a connect"}},
	{"--rounds=1 connect --sockets=18000 --concurrency=18000", []string{"connects", "greeting p99", "greeting max", "failed"}},
	{"--rounds=1 idle --from=5000 --to=18000 --for=25s --burst=8 --after=30s", []string{"RSS a socket", "heap in use a socket", "stacks a socket", "CPU of one core, idle", "RSS a socket, after the burst"}},
	{"--baseline echo --sockets=100 --depth=1 --for=2s", []string{"replies", "reply p99", "server's CPU a reply"}},
	{"--baseline echo --sockets=100 --depth=8 --for=2s", []string{"replies", "reply p99", "server's CPU a reply"}},
	{"--baseline echo --sockets=1000 --depth=8 --for=2s", []string{"replies", "reply p99", "server's CPU a reply"}},
	{"--baseline echo --sockets=10000 --depth=1 --for=2s", []string{"replies", "reply p99", "server's CPU a reply"}},
	{"--baseline --rounds=1 rest --online=10000", []string{"plain answers", "plain answers, of as many bytes", "gzip answers", "gzip answers, of as many bytes", "etag answers", "gzip answer p99"}},
	{"--rounds=1 rest --online=10000 --changes=500 --variants=gzip", []string{"gzip answers", "gzip answer p99", "failed"}},
	{"--rounds=1 mixed --talking=5000 --passing=5000 --rate=500 --for=5s", []string{"replies kept while the list is asked for", "exchanges kept while the list is asked for", "reply p99", "greeting p99", "answers"}},
	{"--rounds=1 watch --for=5s", []string{"events told", "event p50", "event p99", "CPU of one core, nobody watching", "CPU of one core, watched", "server's CPU an event told", "failed"}},
	{"--rounds=1 leave --sockets=18000", []string{"list empty", "tables empty", "failed"}},
	{"in-memory --sockets=100000", []string{"connects", "heap and stacks a session", "snapshot p50", "list empty", "longest pause of a collection"}},
}

// measured is an entry with what it has found.
type measured struct {
	entry
	report bench.Report
}

// measuring runs benches of one binary on one database.
type measuring struct{ program, database string }

func (m measuring) run(ctx context.Context, one entry) (measured, error) {
	fmt.Fprintln(os.Stderr, "rollcall bench", one.command)
	database, password := m.apart()
	command := exec.CommandContext(ctx, m.program, append([]string{"bench", "--json", "--database=" + database}, strings.Fields(one.command)...)...)
	// An interrupt lets the bench clear up.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.Env = append(os.Environ(), password...)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, os.Stderr
	found := measured{entry: one}
	if err := command.Run(); err != nil {
		return found, fmt.Errorf("rollcall bench %s: %w", one.command, err)
	}
	if err := json.Unmarshal(out.Bytes(), &found.report); err != nil {
		return found, fmt.Errorf("read the report of rollcall bench %s: %w", one.command, err)
	}
	for _, name := range one.figures {
		if found.report.Line(name) == nil {
			return found, fmt.Errorf("rollcall bench %s has no figure %q", one.command, name)
		}
	}
	return found, nil
}

// apart is the database's URL without its password, which everybody could see on a
// command line, and the variable that holds it instead, if there is one.
func (m measuring) apart() (database string, variables []string) {
	u, err := url.Parse(m.database)
	if err != nil {
		return m.database, nil // the bench says what is wrong with it
	}
	if password, ok := u.User.Password(); ok {
		u.User, variables = url.User(u.User.Username()), []string{"PGPASSWORD=" + password}
		return u.String(), variables
	}
	return m.database, nil
}
