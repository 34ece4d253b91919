package bench

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a bench has found.
type Report struct {
	Scenario string `json:"scenario"`
	Settings any    `json:"settings"`
	Subject
	Machine Machine   `json:"machine"`
	At      time.Time `json:"at"`
	Rounds  int       `json:"rounds"`
	Lines   []Line    `json:"lines"`
	Notes   []string  `json:"notes,omitempty"`
}

// Line is one figure over all rounds.
type Line struct {
	Name     string  `json:"name"`
	Unit     string  `json:"unit"`
	Rollcall *Spread `json:"rollcall,omitempty"`
	Bare     *Spread `json:"bare,omitempty"`  // of the bare server
	Ratio    *Spread `json:"ratio,omitempty"` // of the rounds, each to its own
}

// Machine is where it was found.
type Machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
}

func thisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Processor: runtime.GOARCH}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			m.Processor = strings.TrimSpace(strings.TrimLeft(line, "\t :"))
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(text))
	}
	return m
}

// round is one run against each server.
type round struct{ rollcall, bare *result } // bare is nil without a baseline

// newReport sums the rounds up. There must be one.
func newReport(c Config, name string, scenario any, rounds []round) *Report {
	r := &Report{Scenario: name, Settings: settings{scenario}, Subject: c.subject(), Machine: thisMachine(), At: time.Now().UTC(), Rounds: len(rounds)}
	for _, name := range names(rounds) {
		line := Line{Name: name}
		var ours, bare []float64
		for _, one := range rounds {
			for _, f := range one.rollcall.figures {
				if f.Name == name {
					ours, line.Unit = append(ours, f.Value), f.Unit
				}
			}
			if one.bare == nil {
				continue
			}
			for _, f := range one.bare.figures {
				if f.Name == name {
					bare, line.Unit = append(bare, f.Value), f.Unit
				}
			}
		}
		line.Rollcall, line.Bare, line.Ratio = summed(ours), summed(bare), summed(ratios(ours, bare))
		r.Lines = append(r.Lines, line)
	}
	for n, one := range rounds {
		for _, note := range one.rollcall.notes {
			r.Notes = append(r.Notes, fmt.Sprintf("round %d, rollcall: %s", n+1, note))
		}
		if one.bare != nil {
			for _, note := range one.bare.notes {
				r.Notes = append(r.Notes, fmt.Sprintf("round %d, bare: %s", n+1, note))
			}
		}
	}
	return r
}

// names are the figures of all rounds, in the order in which they came.
func names(rounds []round) (all []string) {
	seen := make(map[string]bool)
	for _, one := range rounds {
		for _, found := range []*result{one.rollcall, one.bare} {
			if found == nil {
				continue
			}
			for _, f := range found.figures {
				if !seen[f.Name] {
					seen[f.Name] = true
					all = append(all, f.Name)
				}
			}
		}
	}
	return all
}

func summed(values []float64) *Spread {
	if len(values) == 0 {
		return nil
	}
	s := spread(values)
	return &s
}

// Failed is how many things failed that Rollcall was asked for, in the worst round.
func (r *Report) Failed() int {
	for _, line := range r.Lines {
		if line.Name == failedFigure && line.Rollcall != nil {
			return int(line.Rollcall.Max)
		}
	}
	return 0
}

// Line finds a figure; nil if there is none of that name.
func (r *Report) Line(name string) *Line {
	for n := range r.Lines {
		if r.Lines[n].Name == name {
			return &r.Lines[n]
		}
	}
	return nil
}

// Print writes a table for people.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s %s, median of %d (least to most)\n", r.Scenario, r.Settings, r.Rounds)
	fmt.Fprintln(w, r.Subject.line())
	fmt.Fprintf(w, "%s, %d cores, Linux %s, %s\n\n", r.Machine.Processor, r.Machine.Cores, r.Machine.Kernel, r.Machine.Go)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FIGURE\tUNIT\tROLLCALL\tBARE\tRATIO")
	for _, line := range r.Lines {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", line.Name, line.Unit, line.Rollcall, line.Bare, line.Ratio)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	for _, note := range r.Notes {
		fmt.Fprintln(w, note)
	}
	return nil
}

// String is the median, with the least and the most if they are others.
func (s *Spread) String() string {
	switch {
	case s == nil:
		return "–"
	case s.Min == s.Max:
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(s.Median), number(s.Min), number(s.Max))
}

// number has three digits that say something, or all before the point.
func number(v float64) string {
	switch {
	case v == float64(int64(v)) || v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
