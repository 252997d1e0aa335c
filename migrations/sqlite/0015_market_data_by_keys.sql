-- Of PostgreSQL only.
SELECT 1;
