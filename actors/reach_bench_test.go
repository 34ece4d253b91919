package actors_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

// BenchmarkPush speaks to 10,000 users, through the registry, whose sockets take all.
func BenchmarkPush(b *testing.B) {
	const online = 10_000
	users := make([]rollcall.Email, online)
	for n := range users {
		users[n] = rollcall.Email(fmt.Sprintf("user%d@example.com", n))
	}
	p := actors.Start(actors.Config{
		Store: actortest.NewStore(users...), Logger: slog.New(slog.DiscardHandler),
		Policy: rollcall.PolicyMany, Lease: time.Minute,
	})
	defer p.Stop()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for _, email := range users {
		all.Go(func() {
			if _, err := p.Admit(ctx, rollcall.Connect{Email: email, Socket: sink{}}); err != nil {
				b.Errorf("%s was not admitted: %v", email, err)
			}
		})
	}
	all.Wait()
	for b.Loop() {
		if took, err := p.Push(b.Context(), nil, true, []byte(`{"type": "push"}`)); took != online || err != nil {
			b.Fatalf("%d took the frame: %v", took, err)
		}
	}
}

// sink is a socket that takes everything.
type sink struct{}

func (sink) Send([]byte) bool              { return true }
func (sink) Close(rollcall.Close)          {}
func (sink) Ended() (rollcall.Close, bool) { return rollcall.Close{}, false }
