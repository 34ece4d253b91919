package bench

import "slices"

// opening begins streams, so many at a time, until each has its snapshot.
type opening struct {
	bystander
	step
	begun int
	bytes int64      // when there were last more
	fresh []*watcher // who waits for the end of a snapshot
}

func (a *opening) tick() {
	a.fresh = slices.DeleteFunc(a.fresh, func(v *watcher) bool { return v.begun || v.stage == over })
	for n := 0; n < dialsATick && len(a.fresh) < a.Concurrency && a.begun < a.Count; n++ {
		a.begun++
		v, err := a.w.watch(a.begun)
		if err != nil {
			a.w.tally.fail(err.Error())
			continue
		}
		a.fresh = append(a.fresh, v)
		a.w.watchers = append(a.w.watchers, v)
	}
	if a.bytes != a.w.tally.Bytes {
		a.bytes = a.w.tally.Bytes
		a.happened()
	}
	if len(a.fresh) > 0 && a.tired() {
		for _, v := range a.fresh {
			v.end(errPatience)
		}
	}
}

func (a *opening) done() bool { return a.begun == a.Count && len(a.fresh) == 0 }

// watching counts what the streams tell for a time, and then waits until each has
// told as much as that which told most.
type watching struct {
	bystander
	step
	over bool
	last uint64 // the place of the last event that all are to read
}

func (a *watching) begin() {
	// Nothing but failures is counted of what came before.
	a.w.tally = tally{Failed: a.w.tally.Failed}
	a.w.counting = true
}

func (a *watching) tick() {
	switch {
	case !a.over && a.elapsed() >= a.For:
		a.over, a.w.counting = true, false
		a.happened()
		for _, v := range a.w.watchers {
			a.last = max(a.last, v.place)
		}
	case a.over && a.tired():
		for v := range a.behind {
			v.end(errMissed)
		}
	}
}

// behind passes on who has not read as much as the others.
func (a *watching) behind(yield func(*watcher) bool) {
	for _, v := range a.w.watchers {
		if v.stage != over && v.place < a.last && !yield(v) {
			return
		}
	}
}

func (a *watching) done() bool {
	for range a.behind {
		return false
	}
	return a.over
}
