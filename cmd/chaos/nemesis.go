package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// A fault that has a duration lasts from faultLeast to faultMost.
	faultLeast = 1 * time.Second
	faultMost  = 6 * time.Second
	// cuts is how often the connections to the database are cut in a row, at most.
	cuts = 5
	// exitTimeout is when a server that was told to end must have.
	exitTimeout = 10 * time.Second
)

// nemesis does one bad thing after another, drawn by its seed.
type nemesis struct {
	draw     *rand.Rand
	history  *history
	promise  promise
	fleet    *fleet
	database *database
	network  *network // nil if there is none
	peers    []int    // the users at the other end of the network
	rogues   *rogues
	storm    *storm
	pause    time.Duration // between two faults
	only     *regexp.Regexp
	say      func(string, ...any)
}

// run goes through all kinds of faults in an order that is drawn anew each time,
// for a while. A fault that has begun then is seen to its end; one in which the
// context ends is only undone, if that can be, and its error means nothing.
func (n *nemesis) run(ctx context.Context, lasts time.Duration) error {
	until, stop := context.WithTimeout(ctx, lasts)
	defer stop()
	kinds := slices.DeleteFunc(slices.Clone(faultKinds), func(k faultKind) bool { return !n.possible(k) })
	if len(kinds) == 0 {
		return errors.New("none of these faults can be brought about here")
	}
	for {
		n.draw.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		for _, k := range kinds {
			rest(until, n.pause/2+n.upTo(n.pause))
			if until.Err() != nil {
				return nil
			}
			if err := n.strike(ctx, k); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
	}
}

func (n *nemesis) possible(k faultKind) bool {
	switch {
	case !n.only.MatchString(string(k)):
		return false
	case k == diskFull:
		return n.database.disk != nil
	case k == halfOpen:
		return n.network != nil
	}
	return true
}

// strike does one bad thing, and undoes it.
func (n *nemesis) strike(ctx context.Context, k faultKind) error {
	s := n.fleet.pick(n.draw)
	if s == nil {
		return errors.New("no server runs")
	}
	lasts := faultLeast + n.upTo(faultMost-faultLeast)
	switch k {
	case killedSameName:
		return n.kill(ctx, s, s.name)
	case killedOtherName:
		return n.kill(ctx, s, n.fleet.unusedName())
	case frozenServer:
		n.freeze(ctx, s)
		return nil
	case drained, drainedInStorm:
		return n.drain(ctx, s, k)
	case halfOpen:
		return n.halfOpen(ctx, s)
	case misbehaviour:
		n.misbehave(ctx, s)
		return nil
	}
	f := n.history.begin(fault{kind: k})
	detail, err := n.strikeDatabase(ctx, k, lasts)
	n.history.end(f)
	n.told(f, detail)
	return err
}

func (n *nemesis) strikeDatabase(ctx context.Context, k faultKind, lasts time.Duration) (detail string, err error) {
	switch k {
	case databaseStopped:
		err = n.database.stop(ctx, lasts)
	case databaseFrozen:
		err = n.database.freeze(ctx, lasts)
	case databaseCut:
		err = n.database.cut(ctx, 1+n.draw.IntN(cuts))
	case databaseLocked:
		detail, err = n.database.lock(ctx, n.draw, lasts)
	case databaseSlow:
		err = n.database.slow(ctx, slowStatement+lasts)
	case diskFull:
		err = n.database.disk.fill(ctx, lasts)
	}
	return detail, err
}

// kill ends a server without a word, and starts one under the same name or
// another.
func (n *nemesis) kill(ctx context.Context, s *server, successor string) error {
	k := killedOtherName
	if successor == s.name {
		k = killedSameName
	}
	f := n.history.begin(fault{kind: k, node: s.name})
	n.fleet.remove(s)
	s.end()
	if k == killedOtherName {
		n.history.end(f)
	}
	rest(ctx, n.upTo(faultLeast))
	err := n.fleet.start(ctx, successor)
	if k == killedSameName && err == nil { // it serves
		n.history.end(f)
	}
	n.told(f, s.name+", then "+successor)
	return err
}

// freeze keeps a server from running for longer than its lease and the sweep.
func (n *nemesis) freeze(ctx context.Context, s *server) {
	f := n.history.begin(fault{kind: frozenServer, node: s.name})
	s.signal(syscall.SIGSTOP)
	rest(ctx, n.promise.death()+faultLeast+n.upTo(faultLeast))
	s.signal(syscall.SIGCONT)
	n.history.end(f)
	n.told(f, s.name)
}

// drain tells a server to end, at any moment or while many come, and starts it
// again.
func (n *nemesis) drain(ctx context.Context, s *server, k faultKind) error {
	if k == drainedInStorm {
		defer n.storm.blow(ctx, s, n.draw)() // they leave with the server
		rest(ctx, n.upTo(stormSpread))
	}
	f := n.history.begin(fault{kind: k, node: s.name})
	n.fleet.remove(s)
	s.signal(syscall.SIGTERM)
	if code, ok := s.exit(exitTimeout + n.promise.slack); !ok || code != 0 {
		n.history.surprise(fmt.Sprintf("%s was told to end at %s, and after %s its exit code is %d, ended: %t",
			s.name, clock(f.began), exitTimeout, code, ok))
	}
	s.end()
	n.history.end(f)
	n.told(f, s.name)
	return n.fleet.start(ctx, s.name)
}

// halfOpen lets clients come over the network, and cuts it behind them.
func (n *nemesis) halfOpen(ctx context.Context, s *server) error {
	var wait sync.WaitGroup
	talks := make([]*conversation, len(n.peers))
	for i, user := range n.peers {
		wait.Go(func() {
			if talk, err := dial(ctx, n.network.dial, n.history, s, user); err == nil && talk.greeting() {
				talks[i] = talk
				go talk.listen()
				talk.echo()
			}
		})
	}
	wait.Wait()
	rest(ctx, faultLeast) // so that they are seen
	for _, talk := range talks {
		if talk != nil {
			talk.ending()
		}
	}
	f := n.history.begin(fault{kind: halfOpen, users: newPeople(n.peers...), node: s.name})
	err := n.network.cut()
	for _, talk := range talks {
		if talk != nil {
			talk.over(nil) // to everybody else
		}
	}
	rest(ctx, n.promise.silence+2*n.promise.change)
	n.history.end(f)
	n.told(f, fmt.Sprintf("%d clients at %s", len(talks), s.name))
	for _, talk := range talks {
		if talk != nil {
			_ = talk.Close()
		}
	}
	if err != nil {
		return err
	}
	return n.network.mend()
}

// misbehave lets the rogues loose on a server.
func (n *nemesis) misbehave(ctx context.Context, s *server) {
	f := n.history.begin(fault{kind: misbehaviour, node: s.name})
	ctx, cancel := context.WithTimeout(ctx, rogueTime)
	defer cancel()
	n.rogues.run(ctx, s)
	n.history.end(f)
	n.told(f, fmt.Sprintf("%d clients at %s", len(n.rogues.users), s.name))
}

// told prints a line about a fault that is over.
func (n *nemesis) told(f *fault, detail string) {
	n.say("%9s  %-24s %6s  %s", clock(f.began), f.kind, clock(after(f.ended, -f.began)), detail)
}

// upTo draws a duration.
func (n *nemesis) upTo(most time.Duration) time.Duration {
	return time.Duration(n.draw.Int64N(int64(most)))
}
