package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	// What the servers are told, so that what depends on their patience does not
	// take longer than the run.
	pingInterval   = 2 * time.Second
	pongTimeout    = 3 * time.Second
	connectTimeout = 2 * time.Second
	// stayers of ten clients never leave by themselves, and sharers of ten are a
	// user's second client.
	stayers = 4
	sharers = 2
	// peers come over the network that is cut, and rogueCount misbehave. All are
	// users of their own.
	peerCount  = 8
	rogueCount = rogueKinds
	// checkEvery is how often the record is checked while the run goes on.
	checkEvery = 20 * time.Second
)

// settings are what a run can be told.
type settings struct {
	rollcall string // the binary; built if empty
	duration time.Duration
	seed     uint64
	clients  int
	servers  int
	pause    time.Duration
	lease    time.Duration
	slack    time.Duration
	only     *regexp.Regexp // the faults
	json     string
	logs     string
}

// run is one run: a database, servers, clients, and everything that is done to
// them. The report is what came of it; the error is that it could not be done.
func run(ctx context.Context, s settings, out io.Writer) (report, error) {
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	say("seed %d", s.seed)
	stage, err := newStage(ctx, s, say)
	if err != nil {
		return report{}, err
	}
	defer stage.close()
	h := stage.history
	p := stage.nemesis.promise

	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	living, stopLiving := context.WithCancel(ctx)
	defer stopLiving()
	var watchers, clients sync.WaitGroup
	watchers.Go(func() { stage.observer.run(watching) })
	watchers.Go(func() { warn(watching, h, p, say) })
	for _, c := range stage.clients {
		clients.Go(func() { c.run(living) })
	}

	striking, stopStriking := context.WithTimeout(ctx, s.duration)
	defer stopStriking()
	err = stage.nemesis.run(striking)
	rest(ctx, p.database+p.change) // the last fault too is seen to its end
	stopLiving()
	clients.Wait()
	rest(ctx, p.change+time.Second) // and that nobody is left
	stopWatching()
	watchers.Wait()
	return newReport(s, h.record(), p, h.now()), err
}

// warn says at once what is wrong, for somebody who looks.
func warn(ctx context.Context, h *history, p promise, say func(string, ...any)) {
	told := make(map[string]bool)
	for {
		rest(ctx, checkEvery)
		if ctx.Err() != nil {
			return // the report says the rest
		}
		for _, v := range check(h.record(), p).violations {
			if !told[v] {
				told[v] = true
				say("VIOLATED   %s", v)
			}
		}
	}
}

// stage is everything that a run needs.
type stage struct {
	history  *history
	database *database
	network  *network
	fleet    *fleet
	nemesis  *nemesis
	observer *observer
	clients  []*client
}

func newStage(ctx context.Context, s settings, say func(string, ...any)) (_ *stage, err error) {
	st := &stage{history: newHistory()}
	defer func() {
		if err != nil {
			st.close()
		}
	}()
	if st.network, err = newNetwork(); err != nil {
		say("no network can be cut here: %v", err)
		st.network = nil
	}
	if st.database, err = newDatabase(ctx, say); err != nil {
		return nil, err
	}
	users := s.clients
	peers := numbers(users, peerCount)
	rogueUsers := numbers(users+peerCount, rogueCount)
	token, err := prepare(ctx, s.rollcall, st.database.url, users+peerCount+rogueCount)
	if err != nil {
		return nil, err
	}
	st.fleet = &fleet{history: st.history, program: st.program(s)}
	for range s.servers {
		if err := st.fleet.start(ctx, st.fleet.unusedName()); err != nil {
			return nil, err
		}
	}
	draw := func(stream int) *rand.Rand { return rand.New(rand.NewPCG(s.seed, uint64(stream))) }
	for i := range s.clients {
		user := i
		if i%10 < sharers {
			user = (i + sharers) % s.clients // who has a client anyway
		}
		st.clients = append(st.clients, &client{user: user, stays: i%10 >= 10-stayers, draw: draw(i + 1), fleet: st.fleet, history: st.history})
	}
	st.observer = &observer{st.history, st.fleet, token, st.database.url}
	st.nemesis = &nemesis{
		draw: draw(0), history: st.history, promise: newPromise(s.lease, pingInterval, pongTimeout, s.slack),
		fleet: st.fleet, database: st.database, network: st.network, peers: peers,
		rogues: &rogues{rogueUsers, st.history}, pause: s.pause, only: s.only, say: say,
	}
	return st, nil
}

// program says how servers are started. They listen at this end of the network,
// if there is one, so that its other end reaches them.
func (st *stage) program(s settings) *program {
	host := "127.0.0.1"
	if st.network != nil {
		host = st.network.host
	}
	return &program{path: s.rollcall, logs: s.logs, flags: []string{
		"--listen=" + host + ":0", "--database=" + st.database.url, "--lease=" + s.lease.String(),
		"--ping-interval=" + pingInterval.String(), "--pong-timeout=" + pongTimeout.String(),
		"--connect-timeout=" + connectTimeout.String(),
	}}
}

func (st *stage) close() {
	if st.fleet != nil {
		st.fleet.end()
	}
	if st.database != nil {
		st.database.close()
	}
	if st.network != nil {
		st.network.close()
	}
}

// build makes the binary in a folder.
func build(ctx context.Context, folder string) (binary string, err error) {
	binary = filepath.Join(folder, "rollcall")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/rollcall/rollcall/cmd/rollcall").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w: %s", err, out)
	}
	return binary, nil
}

// prepare makes the tables and the users, and a token to ask with.
func prepare(ctx context.Context, binary, database string, users int) (token string, err error) {
	var emails strings.Builder
	for _, user := range numbers(0, users) {
		fmt.Fprintln(&emails, email(user))
	}
	for _, step := range []struct {
		input string
		args  []string
	}{
		{"", []string{"migrate", "up"}},
		{emails.String(), []string{"user", "import", "-"}},
		{"", []string{"token", "create", email(0)}},
	} {
		command := exec.CommandContext(ctx, binary, step.args...)
		command.Env = append(os.Environ(), "ROLLCALL_DATABASE="+database)
		command.Stdin = strings.NewReader(step.input)
		var problem bytes.Buffer
		command.Stderr = &problem
		out, err := command.Output()
		if err != nil {
			return "", fmt.Errorf("rollcall %s: %w", strings.Join(step.args, " "), errors.Join(err, errors.New(problem.String())))
		}
		token = strings.TrimSpace(string(out))
	}
	return token, nil
}

// numbers is so many users from the first one on.
func numbers(first, count int) []int {
	all := make([]int, count)
	for i := range all {
		all[i] = first + i
	}
	return all
}
