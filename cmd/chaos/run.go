package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// checkEvery is how often the record is checked while the run goes on.
const checkEvery = 20 * time.Second

// run is one run: a database, servers, clients, and everything that is done to
// them. The report is what came of it, also of one that was interrupted once the
// clients were there; the error is that it could not be done.
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

	err = stage.nemesis.run(ctx, s.duration)
	rest(ctx, p.database+p.change) // the last fault too is seen to its end
	stopLiving()
	clients.Wait()
	rest(ctx, p.change+time.Second) // and that nobody is left
	stopWatching()
	watchers.Wait()
	r := newReport(s, h.record(), p, h.now())
	if ctx.Err() != nil {
		r.Interrupted, err = true, nil // whatever it broke off
	}
	return r, err
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
			beginning, _, _ := strings.Cut(v, " to ") // the end of one that goes on moves
			if !told[beginning] {
				told[beginning] = true
				say("VIOLATED   %s", v)
			}
		}
	}
}
