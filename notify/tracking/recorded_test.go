package tracking_test

import (
	"bytes"
	"encoding/gob"
	"testing"

	"github.com/lvs-director/director/internal/wiretest"
	"github.com/lvs-director/director/notify/tracking"
)

// The file was written by the commit 9b4dd5e: an upgrade from it to this one
// knows what its trackers were like.
func TestAStateExportedByAnEarlierCommitIsRead(t *testing.T) {
	wiretest.Recorded(t, "state", nil,
		func(s *tracking.State) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(s)
			return b.Bytes(), err
		},
		func(data []byte) (*tracking.State, error) {
			s := new(tracking.State)
			return s, gob.NewDecoder(bytes.NewReader(data)).Decode(s)
		})
}
