package bench

import "errors"

// churning lets one socket leave and another come, so many times a second. The time
// until the greeting is what it measures.
type churning struct {
	bystander
	step
	begun int
	over  bool
	fresh map[*client]struct{} // who waits for a greeting
}

func (a *churning) begin() { a.fresh = make(map[*client]struct{}) }

func (a *churning) tick() {
	if !a.over && a.elapsed() >= a.For {
		a.over = true
		a.w.tally.Took = a.elapsed()
	}
	if a.over {
		if !a.done() && a.tired() {
			for c := range a.fresh {
				c.end(errPatience)
			}
			for c := range a.w.leaving {
				c.end(errPatience)
			}
		}
		return
	}
	for due := int(a.elapsed().Seconds() * a.Rate); a.begun < due; a.begun++ {
		a.exchange()
	}
}

// exchange counts as late when all others are still on their way in or out.
func (a *churning) exchange() {
	if len(a.w.clients) == 0 {
		a.w.tally.Late++
		return
	}
	a.w.letGo(a.w.clients[a.begun%len(a.w.clients)], a.Abrupt)
	switch c, err := a.w.dialNext(); {
	case errors.Is(err, errNobody):
		a.w.tally.Late++
	case err != nil:
		a.w.tally.fail(err.Error())
	default:
		a.fresh[c] = struct{}{}
	}
}

func (a *churning) greeted(c *client) {
	a.last = a.w.loop.now()
	delete(a.fresh, c)
	if !a.over {
		a.w.tally.Done++
		a.w.tally.Latency.note(a.last - c.began)
	}
}

func (a *churning) ended(c *client, _ error) {
	a.last = a.w.loop.now()
	delete(a.fresh, c)
}

func (a *churning) done() bool { return a.over && len(a.fresh) == 0 && len(a.w.leaving) == 0 }
