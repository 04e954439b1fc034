package worker_test

import (
	"testing"

	"github.com/lvs-director/director/worker"
)

func TestAHelloIsReadableAsLongAsBothSidesReadTheOther(t *testing.T) {
	const newest, oldest = worker.ProtocolVersion, worker.OldestProtocol
	for _, tc := range []struct {
		name  string
		hello worker.Hello
		want  bool
	}{
		{"the same", *worker.NewHello(), true},
		{"without Oldest, the same version", worker.Hello{Version: newest}, true},
		{"newer, and reads ours", worker.Hello{Version: newest + 5, Oldest: newest}, true},
		{"newer, and does not read ours", worker.Hello{Version: newest + 5, Oldest: newest + 1}, false},
		{"newer, without Oldest", worker.Hello{Version: newest + 5}, false},
		{"the oldest that is read", worker.Hello{Version: oldest}, true},
		{"older than that", worker.Hello{Version: oldest - 1}, false},
	} {
		if got := tc.hello.Readable(); got != tc.want {
			t.Errorf("%s: readable %t, want %t", tc.name, got, tc.want)
		}
	}
}
