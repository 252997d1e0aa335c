-- Of SQLite only.
SELECT 1;
