package bench

import (
	"slices"
	"time"
)

// Figure is one number that a run of a scenario has found.
type Figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
}

// result is what one run has found.
type result struct {
	figures []Figure
	notes   []string // what a number cannot say
}

func (r *result) note(name, unit string, value float64) {
	r.figures = append(r.figures, Figure{name, unit, value})
}

// noteLatency notes the usual points of how long something took.
func (r *result) noteLatency(what string, l *latencies) {
	for _, point := range []struct {
		name string
		part float64
	}{{"p50", 0.50}, {"p99", 0.99}, {"max", 1}} {
		r.note(what+" "+point.name, "ms", milliseconds(l.quantile(point.part)))
	}
}

// failedFigure is the figure that ought to be zero.
const failedFigure = "failed"

// noteFailures notes how many failed, and of what.
func (r *result) noteFailures(t *tally) {
	r.note(failedFigure, "", float64(t.failures()))
	if causes := t.causes(); causes != "" {
		r.notes = append(r.notes, "failed: "+causes)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Spread is what several runs have found of one figure.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// spread sums values up. There must be one.
func spread(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{sorted[0], (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[n-1]}
}

// ratios divides each round's value by the yardstick's of the same round, since
// both have met the same moods of the machine. A round without one is left out.
func ratios(values, yardstick []float64) []float64 {
	var all []float64
	for n := range min(len(values), len(yardstick)) {
		if yardstick[n] != 0 {
			all = append(all, values[n]/yardstick[n])
		}
	}
	return all
}
