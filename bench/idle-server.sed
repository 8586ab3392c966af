s/.*"id":\([0-9][0-9]*\).*"method":"initialize".*/{"jsonrpc":"2.0","id":\1,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"bench-idle","version":"1.0.0"}}}/p
s/.*"method":"initialize".*"id":\([0-9][0-9]*\).*/{"jsonrpc":"2.0","id":\1,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"bench-idle","version":"1.0.0"}}}/p
