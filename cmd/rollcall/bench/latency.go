package bench

import (
	"math/bits"
	"time"
)

// bucketBits is how exact a latency is kept: each power of two has that many
// buckets (as a power of two itself), so that it is wrong by less than 1 %.
const bucketBits = 7

// latencies counts how long things took. It is small however many there were,
// and those of several processes can be added up.
type latencies struct {
	Buckets []int         `json:"buckets"` // by bucketOf, up to the last that is not empty
	Count   int           `json:"count"`
	Max     time.Duration `json:"max"` // exact
}

func (l *latencies) note(d time.Duration) {
	bucket := bucketOf(d)
	l.reach(bucket + 1)
	l.Buckets[bucket]++
	l.Count++
	l.Max = max(l.Max, d)
}

func (l *latencies) add(other latencies) {
	l.reach(len(other.Buckets))
	for bucket, n := range other.Buckets {
		l.Buckets[bucket] += n
	}
	l.Count += other.Count
	l.Max = max(l.Max, other.Max)
}

// reach makes sure that there are so many buckets.
func (l *latencies) reach(count int) {
	if missing := count - len(l.Buckets); missing > 0 {
		l.Buckets = append(l.Buckets, make([]int, missing)...)
	}
}

// quantile is the time within which that part of all was done: the nearest rank.
func (l *latencies) quantile(part float64) time.Duration {
	rank := max(1, int(part*float64(l.Count)+0.999999))
	seen := 0
	for bucket, n := range l.Buckets {
		if seen += n; seen >= rank {
			return min(topOf(bucket), l.Max)
		}
	}
	return l.Max
}

// bucketOf maps a duration to its bucket: each its own up to a power of two, and
// from there on the leading bits of the number.
func bucketOf(d time.Duration) int {
	n := uint64(max(d, 0))
	shift := max(0, bits.Len64(n)-bucketBits-1)
	return shift<<bucketBits + int(n>>shift)
}

// topOf is the longest duration of a bucket.
func topOf(bucket int) time.Duration {
	shift := max(0, bucket>>bucketBits-1)
	return time.Duration(bucket-shift<<bucketBits+1)<<shift - 1
}
