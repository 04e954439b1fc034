package notify_test

import (
	"bytes"
	"encoding/gob"
	"testing"

	"github.com/lvs-director/director/internal/wiretest"
	"github.com/lvs-director/director/notify"
)

// The file was written by the commit 9b4dd5e: an upgrade from it to this one
// tells no script twice and forgets none.
func TestAStateExportedByAnEarlierCommitIsRead(t *testing.T) {
	wiretest.Recorded(t, "state", nil,
		func(s *notify.State) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(s)
			return b.Bytes(), err
		},
		func(data []byte) (*notify.State, error) {
			s := new(notify.State)
			return s, gob.NewDecoder(bytes.NewReader(data)).Decode(s)
		})
}
