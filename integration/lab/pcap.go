//go:build linux

package lab

import (
	"bufio"
	"encoding/binary"
	"os"
	"time"
)

var nativeEndian = binary.NativeEndian

// pcapWriter writes the classic capture file with nanosecond times that tcpdump
// and wireshark read (draft-ietf-opsawg-pcap). It ignores errors of the disk:
// they show when the file is read, and must not fail the test.
type pcapWriter struct {
	file *os.File
	buf  *bufio.Writer
}

const (
	pcapMagicNanoseconds = 0xa1b23c4d
	pcapEthernet         = 1
)

func newPcapWriter(path string) (*pcapWriter, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &pcapWriter{file: file, buf: bufio.NewWriterSize(file, 1<<16)}
	header := nativeEndian.AppendUint32(nil, pcapMagicNanoseconds)
	header = nativeEndian.AppendUint16(header, 2) // version 2.4
	header = nativeEndian.AppendUint16(header, 4)
	header = append(header, make([]byte, 8)...) // reserved
	header = nativeEndian.AppendUint32(header, snapLength)
	header = nativeEndian.AppendUint32(header, pcapEthernet)
	w.buf.Write(header)
	return w, nil
}

func (w *pcapWriter) write(at time.Time, frame []byte, length int) {
	var header [16]byte
	nativeEndian.PutUint32(header[0:], uint32(at.Unix()))
	nativeEndian.PutUint32(header[4:], uint32(at.Nanosecond()))
	nativeEndian.PutUint32(header[8:], uint32(len(frame)))
	nativeEndian.PutUint32(header[12:], uint32(length))
	w.buf.Write(header[:])
	w.buf.Write(frame)
}

func (w *pcapWriter) flush() { w.buf.Flush() }

func (w *pcapWriter) close() {
	w.buf.Flush()
	w.file.Close()
}
