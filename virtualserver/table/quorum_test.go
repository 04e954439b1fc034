package table_test

import (
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

func TestQuorum(t *testing.T) {
	for _, test := range []struct {
		name               string
		had                bool
		alive              uint64
		quorum, hysteresis uint32
		want               bool
	}{
		{"reached", false, 1, 1, 0, true},
		{"not reached", false, 1, 2, 0, false},
		{"inside the band from below", false, 11, 10, 2, false},
		{"at the upper edge", false, 12, 10, 2, true},
		{"inside the band from above", true, 9, 10, 2, true},
		{"at the lower edge", true, 8, 10, 2, true},
		{"below the lower edge", true, 7, 10, 2, false},
		{"nothing alive", true, 0, 1, 0, false},
		{"nothing alive within the band", true, 0, 5, 5, false},
		{"nothing alive and no quorum asked", false, 0, 0, 0, false},
		{"sums above 32 bits", false, 1 << 33, 1<<32 - 1, 1<<32 - 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := table.Quorum(test.had, test.alive, test.quorum, test.hysteresis); got != test.want {
				t.Errorf("Quorum(%v, %d, %d, %d) = %v", test.had, test.alive, test.quorum, test.hysteresis, got)
			}
		})
	}
}

func TestQuorumLimits(t *testing.T) {
	for _, test := range []struct {
		name                       string
		quorum, hysteresis         uint32
		weights                    []int
		wantQuorum, wantHysteresis uint32
	}{
		{"as configured", 3, 1, []int{2, 2}, 3, 1},
		{"quorum above all weights", 9, 0, []int{2, 2}, 4, 0},
		{"hysteresis as large as the quorum", 3, 3, []int{2, 2}, 3, 2},
		{"both", 9, 9, []int{1, 1}, 2, 1},
		{"all weights 0", 1, 0, []int{0, 0}, 1, 0},
		{"no real server", 5, 5, nil, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			vs := &conf.VirtualServer{Quorum: test.quorum, Hysteresis: test.hysteresis}
			for _, w := range test.weights {
				vs.RealServers = append(vs.RealServers, &conf.RealServer{Weight: w})
			}
			if q, h := table.QuorumLimits(vs); q != test.wantQuorum || h != test.wantHysteresis {
				t.Errorf("quorum %d hysteresis %d, want %d and %d", q, h, test.wantQuorum, test.wantHysteresis)
			}
		})
	}
}
