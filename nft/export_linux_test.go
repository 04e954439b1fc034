package nft

// Interrupt closes the connection as an error does.
func (k *Keeper) Interrupt() { k.conn.close() }
