package bench

import (
	"encoding/json"
	"testing"
	"time"
)

// The percentiles are what the targets are held against: none may be wrong by
// more than the buckets' 1 %.
func TestQuantilesAreExactToOnePercent(t *testing.T) {
	var l latencies
	for n := 1; n <= 10_000; n++ {
		l.note(time.Duration(n) * 37 * time.Microsecond)
	}
	for _, part := range []float64{0.001, 0.5, 0.9, 0.99, 0.999} {
		want := time.Duration(part*10_000) * 37 * time.Microsecond
		if got := l.quantile(part); got < want || got > want+want/100 {
			t.Errorf("the quantile of %v is %s, want %s or at most a hundredth more", part, got, want)
		}
	}
	if got, want := l.quantile(1), 370*time.Millisecond; got != want {
		t.Errorf("the longest is %s, want exactly %s", got, want)
	}
}

// Each bucket must begin where the one before it ends, from a nanosecond to years.
func TestBucketsHaveNoGaps(t *testing.T) {
	for bucket := range bucketOf(1 << 62) {
		top := topOf(bucket)
		if bucketOf(top) != bucket || bucketOf(top+1) != bucket+1 {
			t.Fatalf("bucket %d ends at %d ns, which is in %d, and the next is in %d", bucket, top, bucketOf(top), bucketOf(top+1))
		}
	}
}

// Workers count for themselves, and tell their counts in JSON: together they must
// say what one would have said.
func TestLatenciesOfSeveralWorkersAddUp(t *testing.T) {
	var one, sum latencies
	parts := make([]latencies, 3)
	for n := range 3000 {
		d := time.Duration(n*n) * time.Microsecond
		one.note(d)
		parts[n%3].note(d)
	}
	for _, part := range parts {
		text, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		var told latencies
		if err := json.Unmarshal(text, &told); err != nil {
			t.Fatal(err)
		}
		sum.add(told)
	}
	for _, part := range []float64{0.01, 0.5, 0.99, 1} {
		if sum.quantile(part) != one.quantile(part) {
			t.Errorf("the quantile of %v is %s together and %s in one", part, sum.quantile(part), one.quantile(part))
		}
	}
	if sum.Count != one.Count {
		t.Errorf("together they counted %d of %d", sum.Count, one.Count)
	}
}

// Where nothing was done there is no time to speak of, and nothing to fall over.
func TestQuantileOfNothingIsNothing(t *testing.T) {
	var l latencies
	if got := l.quantile(0.99); got != 0 {
		t.Errorf("it is %s", got)
	}
}
