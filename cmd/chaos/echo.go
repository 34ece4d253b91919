package main

import (
	"fmt"
	"slices"
	"time"
)

// echoLeast is how many replies it takes to judge by the slowest hundredth of
// them: of fewer, some hiccup of the machine would be all of it.
const echoLeast = 1000

// The times of which echoes are told apart.
const (
	calm  = "no fault"
	rough = string(misbehaviour)
)

// echo is one message that a client sent, and how long its reply took.
type echo struct {
	node string
	sent moment
	took time.Duration
}

// echoSummary is how long replies took, in milliseconds.
type echoSummary struct {
	Replies int     `json:"replies"`
	Median  float64 `json:"p50_ms"`
	Most    float64 `json:"p99_ms"`
	Longest float64 `json:"max_ms"`
}

// summaries takes two kinds of echoes apart: those that were under way while
// nothing was on, and those from the server at which clients misbehaved.
func summaries(r record) map[string]echoSummary {
	took := make(map[string][]time.Duration)
	for _, e := range r.echoes {
		i := slices.IndexFunc(r.faults, func(f fault) bool { return f.on(e.sent-time.Second, e.sent+e.took) })
		switch {
		case i < 0:
			took[calm] = append(took[calm], e.took)
		case r.faults[i].kind == misbehaviour && r.faults[i].node == e.node && r.faults[i].on(e.sent, e.sent):
			took[rough] = append(took[rough], e.took)
		}
	}
	all := make(map[string]echoSummary)
	for when, times := range took {
		slices.Sort(times)
		all[when] = echoSummary{len(times), milliseconds(times[len(times)/2]),
			milliseconds(times[len(times)*99/100]), milliseconds(times[len(times)-1])}
	}
	return all
}

// disturbed finds that clients which misbehave made the server slow for others.
func (p promise) disturbed(r record) []string {
	e := summaries(r)[rough]
	if !p.judges(e) || e.Most <= milliseconds(p.echo) {
		return nil
	}
	return []string{fmt.Sprintf("while clients misbehaved, one in a hundred of %d replies to others took %.1f ms or longer (%s)",
		e.Replies, e.Most, p.words(misbehaviour))}
}

// judges reports whether so many replies, on such a machine, prove anything.
func (p promise) judges(e echoSummary) bool { return p.slack == 0 && e.Replies >= echoLeast }

// echoLine is what was seen of it; none if nobody misbehaved.
func echoLine(e echoSummary, p promise) []promiseLine {
	if e.Replies == 0 {
		return nil
	}
	l := promiseLine{After: string(misbehaviour), List: "echo", Promise: p.words(misbehaviour), Worst: e.Most}
	if !p.judges(e) {
		l.Promise = "not judged"
	}
	return []promiseLine{l}
}
