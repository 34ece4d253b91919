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
	all := summaries(r)
	e := all[rough]
	if p.cannotJudge(all) != "" || e.Most <= milliseconds(p.echo) {
		return nil
	}
	return []string{fmt.Sprintf("while clients misbehaved, one in a hundred of %d replies to others took %.1f ms or longer (%s)",
		e.Replies, e.Most, p.words(misbehaviour))}
}

// cannotJudge says why the time of an echo proves nothing, if so. Where it takes
// half of what is promised without a fault, the machine has other things to do.
func (p promise) cannotJudge(all map[string]echoSummary) string {
	switch {
	case p.slack > 0:
		return "not judged, with slack"
	case all[rough].Replies < echoLeast:
		return fmt.Sprintf("not judged, under %d replies", echoLeast)
	case all[calm].Most > milliseconds(p.echo/2):
		return "not judged, a busy machine"
	}
	return ""
}

// echoLine is what was seen of it; none if nobody misbehaved.
func echoLine(all map[string]echoSummary, p promise) []promiseLine {
	if all[rough].Replies == 0 {
		return nil
	}
	l := promiseLine{After: string(misbehaviour), List: "echo", Promise: p.words(misbehaviour), Worst: all[rough].Most}
	if why := p.cannotJudge(all); why != "" {
		l.Promise = why
	}
	return []promiseLine{l}
}
