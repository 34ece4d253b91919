package bench

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// planted is a report of three rounds whose sums are known.
func planted() *Report {
	var rounds []round
	for n, connects := range []float64{900, 500, 800} {
		ours, bare := &result{}, &result{}
		ours.note("connects", "1/s", connects)
		bare.note("connects", "1/s", 1000)
		ours.note(failedFigure, "", float64(n))
		bare.note(failedFigure, "", 0)
		bare.note("of its own", "ms", 1)
		ours.notes = append(ours.notes, "strange")
		rounds = append(rounds, round{ours, bare})
	}
	return newReport(Config{Flags: []string{"--lease=5s"}}, "echo", &Echo{Sockets: 7, For: 2 * time.Second}, rounds)
}

// The ratio is what every change is measured by. It is made round by round, and
// its spread says how much of it is the machine's mood.
func TestReportHasMediansAndRatios(t *testing.T) {
	r := planted()
	line := r.Line("connects")
	if line == nil || *line.Rollcall != (Spread{500, 800, 900}) || *line.Bare != (Spread{1000, 1000, 1000}) || *line.Ratio != (Spread{0.5, 0.8, 0.9}) {
		t.Errorf("the line is %+v", line)
	}
	if line := r.Line(failedFigure); line == nil || line.Ratio != nil {
		t.Errorf("the ratio to nothing is %+v", line)
	}
	if line := r.Line("of its own"); line == nil || line.Rollcall != nil || line.Bare.Median != 1 {
		t.Errorf("what only the bare server has is %+v", line)
	}
	if r.Failed() != 2 {
		t.Errorf("%d failed in the worst round, want 2", r.Failed())
	}
}

// The report is read by other programs: its names must stay.
func TestReportIsJSONThatSaysTheSame(t *testing.T) {
	text, err := json.Marshal(planted())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"scenario":"echo"`, `"Sockets":7`, `"For":"2s"`, `"database":"SQLite","with":["--lease=5s"],`, `"rounds":3`, `"cores":`, `"name":"connects","unit":"1/s"`,
		`"rollcall":{"min":500,"median":800,"max":900}`, `"ratio":{"min":0.5,"median":0.8,"max":0.9}`,
		`"round 3, rollcall: strange"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the JSON has no %s:\n%s", want, text)
		}
	}
}

// A person reads the table: the median first, and the spread if there is one.
func TestReportPrintsATable(t *testing.T) {
	var out strings.Builder
	if err := planted().Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"echo Sockets:7 ", " For:2s", "\non SQLite --lease=5s\n", "connects", "800 (500 to 900)", "1000", "0.80 (0.50 to 0.90)", "median of 3"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, out.String())
		}
	}
}

// The median of an even number of rounds lies between the middle two.
func TestSpreadOfAnEvenNumber(t *testing.T) {
	if got := spread([]float64{4, 1, 3, 2}); got != (Spread{1, 2.5, 4}) {
		t.Errorf("the spread is %+v", got)
	}
	if got := ratios([]float64{1, 2, 3}, []float64{2, 0}); !slices.Equal(got, []float64{0.5}) {
		t.Errorf("the ratios are %v, want only that of the round with a yardstick", got)
	}
}

// Workers share a step so that together they do all of it, and no more.
func TestSharesOfAStepAddUp(t *testing.T) {
	whole := step{Do: doConnect, Count: 100, Concurrency: 10, Rate: 7}
	for workers := 1; workers <= 7; workers++ {
		var count, concurrency int
		var rate float64
		for n := range workers {
			part := whole.share(n, workers)
			count, concurrency, rate = count+part.Count, concurrency+part.Concurrency, rate+part.Rate
		}
		if count != whole.Count || concurrency != whole.Concurrency || rate < 6.999 || rate > 7.001 {
			t.Errorf("%d workers do %d, %d at a time and %v a second", workers, count, concurrency, rate)
		}
	}
	if part := (step{Count: 3, Concurrency: 1}).share(0, 3); part.Concurrency != 1 {
		t.Errorf("a worker with a socket to open opens %d at a time", part.Concurrency)
	}
}

// What failed is said by cause, so that a reader knows where to look.
func TestTallyTellsTheMostFrequentCauseFirst(t *testing.T) {
	var sum, other tally
	sum.fail("rare")
	sum.Done, sum.Took = 10, time.Second
	other.fail("frequent")
	other.fail("frequent")
	other.Done, other.Took = 20, 2*time.Second
	sum.add(other)
	if got := sum.causes(); got != "2 × frequent, 1 × rare" {
		t.Errorf("the causes are %q", got)
	}
	if sum.failures() != 3 || sum.rate() != 15 {
		t.Errorf("%d failed, at %v a second", sum.failures(), sum.rate())
	}
}
