package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
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
	// peerCount clients come over the network that is cut, and rogueCount
	// misbehave. All are users of their own.
	peerCount  = 8
	rogueCount = rogueKinds * rogueEach
)

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
	stormUsers := numbers(users+peerCount+rogueCount, stormCount)
	token, err := prepare(ctx, s.rollcall, st.database.url, users+peerCount+rogueCount+stormCount)
	if err != nil {
		return nil, err
	}
	if err := st.database.prepareSlowness(ctx); err != nil {
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
		rogues: &rogues{rogueUsers, st.history}, storm: &storm{stormUsers, st.history}, pause: s.pause, only: s.only, say: say,
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
