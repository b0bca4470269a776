# Configurations of other programs around the server; make check-beyond runs them as they are.
EXTRA_DIST += %D%/haproxy/echo-server.conf %D%/haproxy/haproxy.cfg %D%/nginx/nginx.conf
