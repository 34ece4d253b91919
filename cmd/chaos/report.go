package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"time"
)

// report is what a run leaves behind, for people and as JSON.
type report struct {
	Seed       uint64                 `json:"seed"`
	Seconds    float64                `json:"seconds"`
	Clients    int                    `json:"clients"`
	Servers    int                    `json:"servers"`
	Sockets    int                    `json:"sockets"`
	Greetings  int                    `json:"greetings"`
	Answers    map[kind]int           `json:"answers"`
	Faults     map[faultKind]int      `json:"faults"`
	Closes     map[string]int         `json:"closes"`
	Promises   []promiseLine          `json:"promises"`
	Echo       map[string]echoSummary `json:"echo"`
	Violations []string               `json:"violations"`
	// Interrupted tells a run that was not let to its end.
	Interrupted bool `json:"interrupted"`
}

// promiseLine is one promise, and the worst that was seen of it.
type promiseLine struct {
	After   string  `json:"after"` // which fault
	List    string  `json:"list"`
	Promise string  `json:"promise"`
	Worst   float64 `json:"worst_ms"`
}

func newReport(s settings, r record, p promise, took time.Duration) report {
	v := check(r, p)
	one := report{
		Seed: s.seed, Seconds: took.Seconds(), Clients: s.clients, Servers: s.servers, Sockets: len(r.sockets),
		Answers: make(map[kind]int), Faults: make(map[faultKind]int), Closes: make(map[string]int),
		Echo: summaries(r), Violations: v.violations,
	}
	for _, o := range r.seen {
		one.Answers[o.kind]++
	}
	for _, f := range r.faults {
		one.Faults[f.kind]++
	}
	for _, s := range r.sockets {
		if s.greeted != never {
			one.Greetings++
		}
		if !s.mine && s.left != never {
			one.Closes[strconv.Itoa(s.code)]++
		}
	}
	for _, k := range append([]faultKind{""}, faultKinds...) {
		for _, table := range []bool{false, true} {
			if worst, ok := v.worst[excuse{k, table}]; ok || k == "" || table && one.Faults[k] > 0 && k != misbehaviour {
				one.Promises = append(one.Promises, line(k, table, worst, p))
			}
		}
	}
	one.Promises = append(one.Promises, frozenLine(r, p)...)
	one.Promises = append(one.Promises, echoLine(one.Echo, p)...)
	maps.DeleteFunc(one.Echo, func(_ string, e echoSummary) bool { return e.Replies == 0 }) // nothing was measured
	return one
}

func line(k faultKind, table bool, worst extreme, p promise) promiseLine {
	l := promiseLine{After: string(k), List: "list", Promise: p.words(k), Worst: milliseconds(worst.late)}
	if k == "" {
		l.After = "(health)"
	}
	if table {
		l.List = "tables"
	} else if k == frozenServer {
		l.Promise = fmt.Sprintf("%s after it goes on", p.change)
	}
	return l
}

// frozenLine is how long the sessions of frozen servers were seen by the others.
func frozenLine(r record, p promise) []promiseLine {
	worst, any := time.Duration(0), false
	for _, f := range r.faults {
		if f.kind == frozenServer {
			any = true
			worst = max(worst, lastListed(r, f)-f.began)
		}
	}
	if !any {
		return nil
	}
	return []promiseLine{{string(frozenServer) + ", to the others", "tables", p.words(killedOtherName), milliseconds(worst)}}
}

func milliseconds(d time.Duration) float64 { return float64(d.Round(10*time.Microsecond)) / 1e6 }

// print writes the report for people.
func (r report) print(w io.Writer) {
	interrupted := ""
	if r.Interrupted {
		interrupted = ", interrupted"
	}
	fmt.Fprintf(w, "\nseed %d: %d clients, %d servers, %.0f s%s\n", r.Seed, r.Clients, r.Servers, r.Seconds, interrupted)
	fmt.Fprintf(w, "%d sockets, %d greetings; %d lists, %d readings of the rows, %d of the sessions of one server\n",
		r.Sockets, r.Greetings, r.Answers[list], r.Answers[rows], r.Answers[sessions])
	fmt.Fprintf(w, "sockets ended by the server, by close code (0: none): %v\n\nfaults\n", r.Closes)
	for _, k := range faultKinds {
		if r.Faults[k] > 0 {
			fmt.Fprintf(w, "  %-24s %4d\n", k, r.Faults[k])
		}
	}
	fmt.Fprintf(w, "\n  %-38s %-7s %-30s %s\n", "after", "what", "promised", "worst seen")
	for _, l := range r.Promises {
		fmt.Fprintf(w, "  %-38s %-7s %-30s %7.0f ms\n", l.After, l.List, l.Promise, l.Worst)
	}
	r.printEcho(w)
	fmt.Fprintln(w)
	r.printVerdict(w)
}

// printEcho says nothing of what was not measured.
func (r report) printEcho(w io.Writer) {
	if len(r.Echo) == 0 {
		return
	}
	fmt.Fprintf(w, "\n  %-24s %8s %10s %10s %10s\n", "echo of others", "replies", "p50", "p99", "max")
	for _, when := range []string{calm, rough} {
		if e, measured := r.Echo[when]; measured {
			fmt.Fprintf(w, "  %-24s %8d %7.2f ms %7.2f ms %7.2f ms\n", when, e.Replies, e.Median, e.Most, e.Longest)
		}
	}
}

// printVerdict says what the run has shown. A promise that was kept in some kinds of
// fault is no promise of the others.
func (r report) printVerdict(w io.Writer) {
	if hollow := r.hollow(); hollow != "" {
		fmt.Fprintf(w, "Nothing was proved: %s.\n", hollow)
	}
	switch {
	case len(r.Violations) > 0:
		fmt.Fprintf(w, "The promise was broken %d times:\n", len(r.Violations))
		for _, v := range r.Violations {
			fmt.Fprintln(w, "  "+v)
		}
	case r.Interrupted:
		fmt.Fprintln(w, "Interrupted. Until then the promise was not seen to be broken.")
	case r.hollow() == "" && len(r.Faults) < len(faultKinds):
		fmt.Fprintf(w, "The promise was kept in %d of %d kinds of fault.\n", len(r.Faults), len(faultKinds))
	case r.hollow() == "":
		fmt.Fprintln(w, "The promise was kept.")
	}
}

// hollow says why a run has proved nothing, if so: a promise is easily kept
// where nothing is done, nobody comes, or nobody looks.
func (r report) hollow() string {
	switch {
	case len(r.Faults) == 0:
		return "no fault was injected"
	case r.Greetings == 0:
		return "no client was greeted"
	case r.Answers[list] == 0 || r.Answers[rows] == 0:
		return "no list was seen"
	}
	return ""
}

// exitCode is what the process tells its caller.
func (r report) exitCode() int {
	if len(r.Violations) > 0 || r.Interrupted || r.hollow() != "" {
		return exitFailed
	}
	return exitKept
}

// save writes the report as JSON.
func (r report) save(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("save the report: %w", err)
	}
	return nil
}
