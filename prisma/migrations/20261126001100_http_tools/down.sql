DROP TABLE http_tools;
