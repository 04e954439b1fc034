package worker_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/lvs-director/director/internal/wiretest"
	"github.com/lvs-director/director/worker"
)

// The files of testdata were written by the commit 9b4dd5e, the first one that
// upgrades in place. What it has written is read with all its meaning: a
// supervisor of that commit and a worker of this one, or the other way round,
// run together during an upgrade.
func TestMessagesOfAnEarlierCommitAreRead(t *testing.T) {
	kinds := reflect.TypeFor[worker.Message]()
	for i := range kinds.NumField() {
		field := kinds.Field(i)
		if field.Type.Kind() != reflect.Pointer || field.Type.Elem().NumField() == 0 || !existed[field.Name] {
			continue
		}
		t.Run(field.Name, func(t *testing.T) {
			only := func(m *worker.Message) {
				kept := reflect.ValueOf(m).Elem().Field(i).Interface()
				*m = worker.Message{Seq: 1}
				reflect.ValueOf(m).Elem().Field(i).Set(reflect.ValueOf(kept))
			}
			wiretest.Recorded(t, "message-"+field.Name, only, encodeMessage, decodeMessage)
		})
	}
}

// existed are the messages of that commit; Proceed, Finish and Count had no fields.
var existed = map[string]bool{
	"Hello": true, "Configure": true, "Tracker": true, "HandOver": true,
	"Applied": true, "Instance": true, "Group": true, "LowerHeard": true, "Counters": true, "RealServer": true,
	"Check":         true,
	"VirtualServer": true, "Table": true,
}

func TestAWorkerHandedOverByAnEarlierCommitIsRead(t *testing.T) {
	wiretest.Recorded(t, "handed", nil,
		func(h *worker.Handed) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(h)
			return b.Bytes(), err
		},
		func(data []byte) (*worker.Handed, error) {
			h := new(worker.Handed)
			return h, gob.NewDecoder(bytes.NewReader(data)).Decode(h)
		})
}

func encodeMessage(m *worker.Message) ([]byte, error) {
	var b bytes.Buffer
	c := worker.NewConn(struct {
		io.ReadWriter
		io.Closer
	}{&b, io.NopCloser(nil)})
	err := c.Write(*m)
	return b.Bytes(), err
}

func decodeMessage(data []byte) (*worker.Message, error) {
	m, err := worker.NewConn(readOnly{bytes.NewReader(data)}).Read()
	if err != nil {
		return nil, fmt.Errorf("reading a recorded message: %w", err)
	}
	return &m, nil
}
