package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rollcall/rollcall/cmd/rollcall/bench"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// benched runs the bench as it is run, with processes and sockets, and returns
// what it found. Nothing may have failed.
func benched(t *testing.T, args ...string) *bench.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	var out, log strings.Builder
	if code := new(cli).run(ctx, append([]string{"bench", "--json", "--rounds=1"}, args...), &streams{nil, &out, &log}); code != exitOK {
		t.Fatalf("bench %q ended with %d:\n%s", args, code, log.String())
	}
	report := &bench.Report{}
	if err := json.Unmarshal([]byte(out.String()), report); err != nil {
		t.Fatalf("bench %q printed no report: %v\n%s", args, err, out.String())
	}
	return report
}

// wantFigures compares what can be known of figures beforehand: each is there,
// and says that something was done.
func wantFigures(t *testing.T, r *bench.Report, names ...string) {
	t.Helper()
	for _, name := range names {
		if line := r.Line(name); line == nil || line.Rollcall == nil || line.Rollcall.Median <= 0 {
			t.Errorf("%s has found for %q: %+v", r.Scenario, name, line)
		}
	}
}

// A bench that does not measure what it says is worse than none: each scenario is
// run against the real server, if only for a second.
func TestBenchOfConnects(t *testing.T) {
	t.Parallel()
	r := benched(t, "--baseline", "connect", "--sockets=50", "--concurrency=20")
	wantFigures(t, r, "connects", "greeting p50", "greeting p99", "greeting max")
	if line := r.Line("connects"); line == nil || line.Ratio == nil || line.Ratio.Median <= 0 {
		t.Errorf("the ratio to the bare server is %+v", line)
	}
}

// The same at depth, where several replies may come in one read.
func TestBenchOfEchoes(t *testing.T) {
	t.Parallel()
	r := benched(t, "--baseline", "--loops=2", "echo", "--sockets=50", "--depth=8", "--for=1s")
	wantFigures(t, r, "replies", "reply p50")
	r = benched(t, "echo", "--sockets=50", "--every=100ms", "--for=1s")
	if line := r.Line("replies"); line == nil || line.Rollcall.Median < 250 || line.Rollcall.Median > 510 {
		t.Errorf("50 sockets that send ten times a second have %+v replies", line)
	}
}

// What a connection takes is the slope between two counts, and must be something.
func TestBenchOfIdleSockets(t *testing.T) {
	t.Parallel()
	r := benched(t, "--with=--ping-interval=500ms", "idle", "--from=50", "--to=350", "--for=1s", "--burst=2", "--after=1s")
	wantFigures(t, r, "RSS", "RSS a socket", "threads", "pings", "CPU of one core, idle", "replies in the burst")
	if len(r.Notes) > 0 {
		t.Errorf("it notes %q", r.Notes)
	}
	r = benched(t, "idle", "--from=5", "--to=10", "--for=10ms")
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "--for longer than its --ping-interval") {
		t.Errorf("without a ping it notes %q", r.Notes)
	}
}

// The list is asked for as clients do that save bytes, and as those that do not.
func TestBenchOfTheList(t *testing.T) {
	t.Parallel()
	r := benched(t, "--baseline", "rest", "--online=50", "--connections=8", "--changes=50", "--for=1s", "--variants=plain,gzip")
	wantFigures(t, r, "plain answers", "gzip answers", "gzip answer p99", "gzip answers, of as many bytes")
	alone := benched(t, "rest", "--online=5", "--connections=2", "--for=10ms", "--variants=gzip")
	if line := alone.Line("gzip answers, of as many bytes"); line != nil {
		t.Errorf("with nothing to compare there is %+v", line)
	}
	plain, gzip := r.Line("plain size"), r.Line("gzip size")
	if plain == nil || gzip == nil || gzip.Rollcall.Median >= plain.Rollcall.Median {
		t.Errorf("an answer has %+v bytes, and %+v compressed", plain, gzip)
	}
}

// Sockets that come and go are how most of the day looks.
func TestBenchOfChurn(t *testing.T) {
	t.Parallel()
	r := benched(t, "--baseline", "churn", "--sockets=50", "--rate=50", "--for=1s")
	wantFigures(t, r, "exchanges", "greeting p50")
}

// After a mass disconnect the list and the tables must be seen empty, however the
// sockets ended.
func TestBenchOfLeaving(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"--abrupt=true", "--abrupt=false"} {
		r := benched(t, "--baseline", "leave", "--sockets=50", how)
		wantFigures(t, r, "all sockets ended", "list empty", "tables empty")
	}
}

// Whoever watches must be told of everything once, and the bench must see it.
func TestBenchOfWatching(t *testing.T) {
	t.Parallel()
	r := benched(t, "--loops=2", "watch", "--watchers=20", "--online=50", "--rate=20", "--for=1s")
	wantFigures(t, r, "events told", "exchanges", "event p50", "snapshot p50", "size of an event", "server's CPU an event told")
	if line := r.Line("events told"); line == nil || line.Rollcall.Median > 20*2*20*1.1 {
		t.Errorf("20 watchers of 40 changes a second were told %+v events", line)
	}
}

// What is good alone may be bad together.
func TestBenchOfAllAtOnce(t *testing.T) {
	t.Parallel()
	r := benched(t, "mixed", "--talking=50", "--every=200ms", "--passing=50", "--rate=20", "--for=1s")
	wantFigures(t, r, "replies", "exchanges", "answers", "before, replies", "before, exchanges",
		"replies kept while the list is asked for", "exchanges kept while the list is asked for")
}

// More clients than there can be sockets come over connections in memory; few must
// find the same server there. It measures this process, in which nothing else may happen.
func TestBenchInMemory(t *testing.T) {
	r := benched(t, "in-memory", "--sockets=200", "--concurrency=20", "--for=100ms")
	wantFigures(t, r, "connects", "heap and stacks a session", "snapshot p50", "list empty", "tables empty",
		"RSS while they come, at most", "RSS at rest", "RSS while they leave, at most")
}

// Whoever benches on a database of theirs, and has seen enough, must find it as it
// was. An interrupt at a terminal is heard by all processes of the bench.
func TestInterruptedBenchLeavesNobodyBehind(t *testing.T) {
	t.Parallel()
	there := func(a persistence.Audit) bool { return a.Sessions > 0 }
	all := make(map[string]func(*testing.T))
	for what, test := range map[string]struct {
		args []string
		now  func(persistence.Audit) bool
	}{
		"while users are added":   {[]string{"in-memory", "--sockets=20000"}, func(a persistence.Audit) bool { return a.Users > 0 }},
		"while clients are there": {[]string{"in-memory", "--sockets=5000"}, there},
		"while sockets are there": {[]string{"echo", "--sockets=200", "--for=1h"}, there},
	} {
		all[what] = func(t *testing.T) {
			url := persistencetest.SQLite(t)
			db, err := persistence.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			if _, err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			audit := func() persistence.Audit {
				a, err := db.Audit(t.Context())
				if err != nil {
					t.Error(err)
				}
				return a
			}
			command := exec.CommandContext(t.Context(), os.Args[0], append([]string{"bench", "--database=" + url}, test.args...)...)
			command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			await(t, what, func() bool { return test.now(audit()) })
			if err := syscall.Kill(-command.Process.Pid, syscall.SIGINT); err != nil {
				t.Error(err)
			}
			if command.Wait() == nil {
				t.Error("it was not interrupted")
			}
			if a := audit(); a.Users+a.Sessions+a.Connections > 0 {
				t.Errorf("%d users, %d sessions and %d active connections are left", a.Users, a.Sessions, a.Connections)
			}
		}
	}
	together(t, len(all), all)
}

// A server that runs already is measured with the users that were brought there.
func TestBenchOfAServerThatRuns(t *testing.T) {
	w := newWorld(t, persistencetest.SQLite(t))
	t.Setenv("ROLLCALL_DATABASE", w.url)
	users := mustRun(t, "bench", "users", "--count=550")
	if got := rollcallWith(t, users, "user", "import", "-"); got.code != exitOK {
		t.Fatalf("the users are not imported: %s", got.err)
	}
	p := w.serve()
	pid := strconv.Itoa(p.cmd.Process.Pid)
	r := benched(t, "--server=http://"+p.address, "--token="+w.token, "--pid="+pid, "leave", "--sockets=50")
	wantFigures(t, r, "all sockets ended", "list empty")
	r = benched(t, "--server=http://"+p.address, "--pid="+pid, "idle", "--from=10", "--to=50", "--for=100ms")
	wantFigures(t, r, "RSS", "threads")
	got := rollcallWith(t, "", "bench", "--rounds=1", "--server=http://"+p.address, "rest", "--online=10", "--for=10ms")
	if got.code != exitFailure || !strings.Contains(got.out, "HTTP 401") || !strings.Contains(got.out, "rollcall token create") {
		t.Errorf("without a token it ended with %d and said %q", got.code, got.out)
	}
	for missing, c := range map[string]struct {
		token  string
		online string
		words  string
	}{
		"the token": {"none", "--online=10", "rollcall token create"},
		"users":     {w.token, "--online=1000", "rollcall bench users --count=2010 | rollcall user import -"},
	} {
		got := rollcallWith(t, "", "bench", "--rounds=1", "--server=http://"+p.address, "--token="+c.token,
			"watch", "--watchers=10", c.online, "--rate=1", "--for=10ms")
		if got.code != exitFailure || !strings.Contains(got.err, c.words) {
			t.Errorf("without %s it ended with %d and said %q", missing, got.code, got.err)
		}
	}
}

// A bench on a database that somebody uses must leave nothing behind but what was
// there, and put nobody else out.
func TestBenchRemovesItsUsersAndNoOthers(t *testing.T) {
	t.Parallel()
	persistencetest.Databases(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		benched(t, "--database="+url, "connect", "--sockets=50")
		db, err := persistence.Open(t.Context(), w.url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		count := 0
		for u, err := range db.Users(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if count++; strings.HasSuffix(string(u.Email), "@bench.invalid") {
				t.Fatalf("%s is still a user", u.Email)
			}
		}
		if count != worldUsers {
			t.Errorf("%d users are left of %d", count, worldUsers)
		}
	})
}

// Who reads that 5 failed must know of how much: 12 did in all.
func TestBenchSaysOfWhichRoundsTheFailuresAre(t *testing.T) {
	t.Parallel()
	failed := []bench.Line{{Name: "failed", Rollcall: &bench.Spread{Min: 3, Median: 4, Max: 5}}}
	for _, test := range []struct {
		report bench.Report
		want   string
	}{
		{bench.Report{Rounds: 3, Lines: failed}, "in the worst of 3 rounds, 5 things failed that the server was asked for"},
		{bench.Report{Rounds: 1, Lines: failed}, "5 things failed that the server was asked for"},
	} {
		if err := failure(&test.report); err == nil || err.Error() != test.want {
			t.Errorf("it says %q, want %q", err, test.want)
		}
	}
	if err := failure(&bench.Report{Rounds: 3}); err != nil {
		t.Errorf("nothing failed, and yet %v", err)
	}
}
