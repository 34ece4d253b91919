package actors

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	benchWatchers = 1000
	benchChurn    = 500 // joins and leaves a second
)

// BenchmarkFeed tells 1,000 watchers of 10,000 users who join and leave 500 times a
// second, without sockets: an operation is one event, told to all. The clock is the
// benchmark's, so that events come together to watchers as they would; %core is the
// share of one core that all of it takes at that rate, as the system counts it.
func BenchmarkFeed(b *testing.B) {
	r := online(b, 10_000)
	users := make([]*user, 0, len(r.users))
	for _, u := range r.users {
		users = append(users, u)
	}
	f := r.order.feed
	var read, due atomic.Uint64 // events, over all watchers
	allRead := make(chan struct{}, 1)
	stopped := make(chan struct{})
	defer close(stopped)
	now := time.Now()
	for range benchWatchers {
		w := &watcher{window: f.window, position: f.watch(now), stopped: stopped}
		go func() {
			for {
				events, err := w.Next(b.Context(), 100)
				if err != nil {
					return
				}
				if read.Add(uint64(len(events))) == due.Load() {
					allRead <- struct{}{}
				}
			}
		}()
	}
	told, before := uint64(0), processorTime(b)
	for b.Loop() {
		u := users[told/2%uint64(len(users))]
		if told%2 == 0 {
			r.order.leave(u, "closed", u.connectedAt)
		} else {
			r.order.join(u, u.connectedAt)
		}
		told++
		due.Store(told * benchWatchers)
		now = now.Add(time.Second / benchChurn)
		if f.publish(now); !f.fresh {
			<-allRead
		}
	}
	if f.fresh {
		f.show(now)
		<-allRead
	}
	took := processorTime(b) - before
	b.ReportMetric(float64(took.Microseconds())/float64(told), "cpu-us/event")
	b.ReportMetric(100*took.Seconds()/float64(told)*benchChurn, "%core")
}

// processorTime is what the process has taken of the processor so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkFeedForNobody is the same event where nobody watches.
func BenchmarkFeedForNobody(b *testing.B) {
	f := newFeed(newWindow())
	now := time.Now()
	for b.Loop() {
		f.add(rollcall.Event{Kind: rollcall.EventJoin})
		now = now.Add(time.Second / benchChurn)
		f.publish(now)
	}
}

// BenchmarkTouch is one user's activity, as the list has it.
func BenchmarkTouch(b *testing.B) {
	r := online(b, 10_000)
	var somebody rollcall.SessionID
	for somebody = range r.members {
		break
	}
	at := time.Now()
	for b.Loop() {
		at = at.Add(time.Millisecond)
		r.touch(somebody, at)
	}
}

// BenchmarkFind looks up 1,000 of 10,000 users: what the registry spends on it.
func BenchmarkFind(b *testing.B) {
	r := online(b, 10_000)
	asked := make([]rollcall.Email, 0, mostAsked)
	for _, u := range r.users {
		if asked = append(asked, u.email); len(asked) == mostAsked {
			break
		}
	}
	for b.Loop() {
		r.find(asked)
	}
}

// BenchmarkReach hands over the sockets of 1,000 of 10,000 users: for so long a push
// holds up the registry at a time.
func BenchmarkReach(b *testing.B) {
	r := online(b, 10_000)
	asked := make([]rollcall.Email, 0, mostAsked)
	for _, u := range r.users {
		for _, m := range u.members {
			m.pulse = &pulse{}
			m.pulse.greeted.Store(true)
		}
		if asked = append(asked, u.email); len(asked) == mostAsked {
			break
		}
	}
	for b.Loop() {
		r.sockets(asked)
	}
}
