package bench

import (
	"context"
	"fmt"
	"time"
)

// Rest asks for the list on many connections at once, in each variant, while so
// many users are online. The bare server answers "ok" to all of them.
type Rest struct {
	Online      int           `default:"1000" help:"How many users are online. Default ${default}."`
	Concurrency int           `default:"200" help:"How many of them connect at a time. Default ${default}."`
	Connections int           `default:"32" help:"How many ask at once. Default ${default}."`
	Changes     float64       `default:"0" help:"How many users leave, and how many come, each second meanwhile. Default ${default}."`
	For         time.Duration `default:"2s" help:"How long they ask, in each variant. Default ${default}."`
	Variants    []variant     `default:"plain,gzip,etag" help:"The variants: plain, gzip, and etag, which is told that nothing has changed. Default ${default}."`
}

// Name is rest.
func (*Rest) Name() string { return "rest" }

// herds are those who are online, and those who ask.
func (r *Rest) herds() []int { return []int{r.Online, r.Connections} }

func (r *Rest) play(ctx context.Context, s *scene) (*result, error) {
	online, err := s.connected(ctx, r.Online, r.Concurrency)
	if err != nil {
		return nil, err
	}
	asking, err := s.gather(ctx)
	if err != nil {
		return nil, err
	}
	found := &result{}
	var all tally
	for _, v := range r.Variants {
		around := step{Do: doHold, For: r.For}
		if r.Changes > 0 {
			around = step{Do: doChurn, Rate: r.Changes, For: r.For}
		}
		var t tally
		work, err := s.working(func() error {
			tallies, err := together(ctx, deal{asking, step{Do: doAsk, Count: r.Connections, Variant: v, For: r.For}}, deal{online, around})
			t = tallies[0]
			all.add(tallies[1])
			return err
		})
		if err != nil {
			return nil, err
		}
		found.note(string(v)+" answers", "1/s", t.rate())
		found.noteLatency(string(v)+" answer", &t.Latency)
		if t.Done > 0 {
			found.note(string(v)+" size", "B", float64(t.Bytes)/float64(t.Done))
		}
		work.note(found, fmt.Sprintf("a %s answer", v), t.Done)
		all.add(t)
	}
	found.noteFailures(&all)
	return found, nil
}
