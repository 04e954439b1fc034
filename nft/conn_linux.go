package nft

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// replyTimeout is how long the kernel may take to answer: it holds its own lock
// while another program's large ruleset is loaded.
const replyTimeout = 10 * time.Second

// conn is a connection to nftables in the network namespace of the thread that
// opened it first, whichever opens it again. One goroutine uses it.
type conn struct {
	socket *netlink.Conn // nil: to be opened
	// namespace is the network namespace, open for as long as the connection may be
	// needed; 0 before there is one.
	namespace int
}

func (c *conn) open() error {
	if c.socket != nil {
		return nil
	}
	s, err := netlink.Dial(unix.NETLINK_NETFILTER, c.place())
	if err != nil {
		return fmt.Errorf("opening nftables: %w", withReason(err))
	}
	// A transaction is one send, and a whole table may be in it.
	_ = s.SetWriteBuffer(4 << 20)
	_ = s.SetReadBuffer(4 << 20)
	c.socket = s
	return nil
}

// place says where the connection is opened. A worker has one network namespace, and may
// not enter any (that needs CAP_SYS_ADMIN); a test has several.
func (c *conn) place() *netlink.Config {
	here, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	if c.namespace == 0 {
		c.namespace = here
		return nil
	}
	defer unix.Close(here)
	var now, first unix.Stat_t
	if unix.Fstat(here, &now) != nil || unix.Fstat(c.namespace, &first) != nil ||
		now.Ino == first.Ino && now.Dev == first.Dev {
		return nil
	}
	return &netlink.Config{NetNS: c.namespace}
}

// end ends the connection for good.
func (c *conn) end() {
	c.close()
	if c.namespace != 0 {
		_ = unix.Close(c.namespace)
		c.namespace = 0
	}
}

// close ends the connection; the next use opens it again.
func (c *conn) close() {
	if c.socket != nil {
		_ = c.socket.Close()
		c.socket = nil
	}
}

// ask sends a request and returns the answers. After an error the connection is
// closed: an answer that is still under way would be taken for the next one's.
func (c *conn) ask(kind uint16, flags netlink.HeaderFlags, attrs ...netlink.Attribute) ([]netlink.Message, error) {
	data, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		return nil, err
	}
	if err := c.open(); err != nil {
		return nil, err
	}
	if err = c.socket.SetReadDeadline(time.Now().Add(replyTimeout)); err == nil {
		var list []netlink.Message
		if list, err = c.socket.Execute(message(kind, flags, data)); err == nil {
			for _, m := range list {
				if m.Header.Flags&netlink.DumpInterrupted != 0 {
					return nil, errChanged
				}
			}
			return list, nil
		}
	}
	c.close()
	return nil, withReason(err)
}

// errChanged: the ruleset has changed meanwhile.
var errChanged = errors.New("the ruleset of nftables keeps changing")

// generation is the number of the kernel's ruleset. It changes with each
// transaction, whoever makes it.
func (c *conn) generation() (uint32, error) {
	list, err := c.ask(unix.NFT_MSG_GETGEN, 0)
	if err != nil {
		return 0, fmt.Errorf("reading the generation of nftables: %w", err)
	}
	for _, m := range list {
		for d := attributes(m); d.Next(); {
			if d.Type() == unix.NFTA_GEN_ID {
				return d.Uint32(), nil
			}
		}
	}
	return 0, errors.New("reading the generation of nftables: the kernel has not told it")
}

// commit makes the changes of a transaction, if the ruleset is still of a
// generation; the error is errChanged when it is not. A generation of 0 is any.
func (c *conn) commit(tx *transaction, generation uint32) error {
	if tx.err != nil || tx.empty() {
		return tx.err
	}
	if err := c.open(); err != nil {
		return err
	}
	var begin []byte
	if generation != 0 {
		var err error
		begin, err = netlink.MarshalAttributes([]netlink.Attribute{
			{Type: unix.NFNL_BATCH_GENID, Data: number(generation)}})
		if err != nil {
			return err
		}
	}
	batch := append([]netlink.Message{border(unix.NFNL_MSG_BATCH_BEGIN, begin)}, tx.messages...)
	batch[len(batch)-1].Header.Flags |= netlink.Acknowledge // errors come anyway
	batch = append(batch, border(unix.NFNL_MSG_BATCH_END, nil))
	// The kernel does the work while it is sent, and may have to load modules for it.
	_, err := c.socket.SendMessages(batch)
	if err == nil {
		if err = c.socket.SetReadDeadline(time.Now().Add(replyTimeout)); err == nil {
			_, err = c.socket.Receive()
		}
	}
	if err != nil {
		c.close()
	}
	if errors.Is(err, unix.ERESTART) {
		return errChanged
	}
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("%w (the kernel refuses one of the changes)", err) // nftables itself has answered before
	}
	return withReason(err)
}

// border is the first or the last message of a transaction. It names the
// subsystem in res_id of struct nfgenmsg.
func border(kind netlink.HeaderType, attrs []byte) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request},
		Data:   append([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES}, attrs...),
	}
}

// withReason adds to a kernel's error what an operator can do about it.
func withReason(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w (is the capability NET_ADMIN granted?)", err)
	case isUnsupported(err):
		return fmt.Errorf("%w (does this kernel have nftables, the module nf_tables?)", err)
	}
	return err
}

// isUnsupported says whether an error is the answer of a kernel without nftables.
func isUnsupported(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)
}

// absent says whether an error means that what was asked for is not there. Any
// other error says nothing about that.
func absent(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, fs.ErrNotExist) }
