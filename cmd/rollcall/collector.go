package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// heapLeast is how large the heap may become before it is collected, however
	// little of it is alive: a small server that many connect to would collect all the
	// time else. It is all given back when the server is quiet.
	heapLeast = 64 << 20
	// heapBegins is what Go takes for alive before the first collection.
	heapBegins = 4 << 20
	// usualGrowth is how much the heap grows otherwise, in percent of what a
	// collection goes through: Go's own rule.
	usualGrowth = 100
	// garbageMost is how much garbage there may be, of a heap that is large: a million
	// sessions would have Go's rule double what they take.
	garbageMost = 384 << 20
	// leastGrowth is how much the heap grows all the same, in percent: of one that is
	// very large the garbage would be so little that the collector has no rest.
	leastGrowth = 15
)

// collectLess has the collector keep to heapLeast, unless whoever runs the server has
// said what it is to keep to. A limit of memory goes before it in any case.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		afterCollections(func() { debug.SetGCPercent(growth(alive())) })
	}
}

// growth is by how many percent of the live heap and what else is scanned the heap
// may grow until the next collection.
func growth(live, scanned uint64) int {
	if live >= heapLeast {
		return max(leastGrowth, min(usualGrowth, int(100*garbageMost/(live+scanned))))
	}
	return max(usualGrowth, int(100*(heapLeast-live)/max(live+scanned, heapBegins)))
}

// afterCollections calls now, and after each collection: what nobody holds is
// finalized then.
func afterCollections(call func()) {
	call()
	runtime.SetFinalizer(&collection{call}, func(c *collection) { afterCollections(c.ended) })
}

// collection is what each collection finds, and nobody holds.
type collection struct{ ended func() }

// alive returns the bytes that the last collection found alive, and those of the
// stacks and variables where it began.
func alive() (live, scanned uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64() + samples[2].Value.Uint64()
}
