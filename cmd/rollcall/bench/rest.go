package bench

import (
	"context"
	"errors"
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

// Check implements [Scenario].
func (r *Rest) Check(config Config) error {
	err := errors.Join(atLeast("online", r.Online, 1),
		atLeast("concurrency", r.Concurrency, 1),
		atLeast("connections", r.Connections, 1),
		atLeast("changes", r.Changes, 0),
		lasts("for", r.For),
		config.room(r.Online, 0))
	if len(r.Variants) == 0 {
		err = errors.Join(err, errors.New("--variants must name one at least"))
	}
	for _, v := range r.Variants {
		if v != askPlain && v != askGzip && v != askETag {
			err = errors.Join(err, fmt.Errorf("--variants are %s, %s and %s, not %q", askPlain, askGzip, askETag, v))
		}
	}
	return err
}

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
	q := &questions{Rest: r, scene: s, online: online, asking: asking, found: &result{}}
	for _, v := range r.Variants {
		t, err := q.ask(ctx, v, 0)
		if err != nil {
			return nil, err
		}
		q.found.note(string(v)+" answers", "1/s", t.rate())
		q.found.noteLatency(string(v)+" answer", &t.Latency)
		if v == askETag {
			continue // the answer has no body
		}
		if s.server.bare {
			if t, err = q.ask(ctx, v, s.sizes[v]); err != nil {
				return nil, err
			}
		} else if t.Done > 0 {
			s.sizes[v] = int(t.Bytes) / t.Done
			q.found.note(string(v)+" size", "B", float64(s.sizes[v]))
		}
		if s.Baseline { // what the bare server's rate at that size is compared with
			q.found.note(fmt.Sprintf("%s answers, of as many bytes", v), "1/s", t.rate())
		}
	}
	q.found.noteFailures(&q.all)
	return q.found, nil
}

// questions is one play of it.
type questions struct {
	*Rest
	scene          *scene
	online, asking *herd
	found          *result
	all            tally
}

// ask asks over and over in one variant; the bare server for so many bytes, or for
// "ok" if that is 0.
func (q *questions) ask(ctx context.Context, v variant, size int) (t tally, err error) {
	around := step{Do: doHold, For: q.For}
	if q.Changes > 0 {
		around = step{Do: doChurn, Rate: q.Changes, For: q.For}
	}
	work, err := q.scene.working(func() error {
		tallies, err := together(ctx,
			deal{q.asking, step{Do: doAsk, Count: q.Connections, Variant: v, Size: size, For: q.For}},
			deal{q.online, around})
		t = tallies[0]
		q.all.add(tallies[1])
		return err
	})
	if size == 0 {
		work.note(q.found, fmt.Sprintf("a %s answer", v), t.Done)
	}
	q.all.add(t)
	return t, err
}
