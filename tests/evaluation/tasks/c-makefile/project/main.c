#include "shapes.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc == 3) {
        printf("%.2f\n", area(atof(argv[1]), atof(argv[2])));
    } else if (argc == 2) {
        printf("%.2f\n", circle(atof(argv[1])));
    } else {
        printf("%d sides\n", SIDES);
    }
    return 0;
}
