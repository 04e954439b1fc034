//go:build linux

package guest

import (
	"bytes"
	"fmt"
)

// cpio writes the one archive format that the kernel reads at boot ("newc",
// Documentation/driver-api/early-userspace/buffer-format.rst).
type cpio struct {
	out   *bytes.Buffer
	inode int
}

func newCPIO(out *bytes.Buffer) *cpio { return &cpio{out: out} }

const (
	cpioRegular   = 0o100000
	cpioDirectory = 0o040000
)

func (c *cpio) dir(name string) { c.entry(name, cpioDirectory|0o755, nil) }

func (c *cpio) file(name string, perm int, data []byte) { c.entry(name, cpioRegular|perm, data) }

func (c *cpio) end() { c.entry("TRAILER!!!", 0, nil) }

func (c *cpio) entry(name string, mode int, data []byte) {
	c.inode++
	const zero = 0
	fmt.Fprintf(c.out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		c.inode, mode, zero, zero, 1, zero, len(data), zero, zero, zero, zero, len(name)+1, zero)
	c.out.WriteString(name)
	c.out.WriteByte(0)
	c.pad()
	c.out.Write(data)
	c.pad()
}

// pad fills up to the next multiple of four bytes.
func (c *cpio) pad() {
	for c.out.Len()%4 != 0 {
		c.out.WriteByte(0)
	}
}
